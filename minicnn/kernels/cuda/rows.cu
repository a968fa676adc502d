// Softmax and layer normalisation along the rows of a contiguous matrix. A sum (or maximum) over a row is made of `parts`
// shorter ones, one a thread, so that neighbouring threads read neighbouring numbers; whoever needs it combines the parts,
// sums in double precision and always in the same order.

__device__ inline double row_total(const real* sums, integer row, integer parts) {
    double total = 0;
    for (integer part = 0; part < parts; part++) total += (double)sums[row * parts + part];
    return total;
}

// Any number near the largest will do to subtract, so NaNs need no care: they come back through the sum.
__device__ inline real larger(real a, real b) { return b > a ? b : a; }

__device__ inline real row_largest(const real* best, integer row, integer parts) {
    real value = best[row * parts];
    for (integer part = 1; part < parts; part++) value = larger(value, best[row * parts + part]);
    return value;
}

extern "C" __global__ void largest_parts(const real* x, real* best, integer size, integer width, integer parts) {
    integer i = thread_number();
    if (i >= size) return;
    const real* row = x + i / parts * width;
    real value = row[i % parts];
    for (integer q = i % parts + parts; q < width; q += parts) value = larger(value, row[q]);
    best[i] = value;
}

// sums of e^(x - largest of the row)
extern "C" __global__ void exponential_parts(const real* x, const real* best, real* sums, integer size, integer width,
                                             integer parts) {
    integer i = thread_number();
    if (i >= size) return;
    const real* row = x + i / parts * width;
    real shift = row_largest(best, i / parts, parts), total = 0;
    for (integer q = i % parts; q < width; q += parts) total += exp(row[q] - shift);
    sums[i] = total;
}

extern "C" __global__ void softmax(const real* x, const real* best, const real* sums, real* y, integer size, integer width,
                                   integer parts) {
    integer i = thread_number();
    if (i < size) y[i] = exp(x[i] - row_largest(best, i / width, parts)) / (real)row_total(sums, i / width, parts);
}

// sums of g y
extern "C" __global__ void product_parts(const real* g, const real* y, real* sums, integer size, integer width, integer parts) {
    integer i = thread_number();
    if (i >= size) return;
    integer start = i / parts * width;
    real total = 0;
    for (integer q = start + i % parts; q < start + width; q += parts) total += g[q] * y[q];
    sums[i] = total;
}

extern "C" __global__ void softmax_gradient(const real* g, const real* y, const real* sums, real* dx, integer size,
                                            integer width, integer parts) {
    integer i = thread_number();
    if (i < size) dx[i] = y[i] * (g[i] - (real)row_total(sums, i / width, parts));
}

// y = (x - mean) root weight + bias, mean and root a number each row, weight and bias a number each column
extern "C" __global__ void normalize_rows(const real* x, const real* mean, const real* root, const real* weight,
                                          const real* bias, real* y, integer size, integer width) {
    integer i = thread_number();
    if (i >= size) return;
    integer row = i / width, column = i % width;
    y[i] = (x[i] - mean[row]) * root[row] * weight[column] + bias[column];
}

// sums[0,row,part] of e = g weight, sums[1,row,part] of e (x - mean)
extern "C" __global__ void row_gradient_parts(const real* g, const real* x, const real* mean, const real* weight, real* sums,
                                              integer size, integer width, integer parts) {
    integer i = thread_number();
    if (i >= size) return;
    integer row = i / parts;
    real centre = mean[row], first = 0, second = 0;
    for (integer column = i % parts; column < width; column += parts) {
        real e = g[row * width + column] * weight[column];
        first += e;
        second += e * (x[row * width + column] - centre);
    }
    sums[i] = first;
    sums[size + i] = second;
}

// dx = root (e - mean(e) - n mean(e n)), n = (x - mean) root; `all` is how many sums of either kind there are
extern "C" __global__ void row_gradient(const real* g, const real* x, const real* mean, const real* root, const real* weight,
                                        const real* sums, real* dx, integer size, integer width, integer parts, integer all) {
    integer i = thread_number();
    if (i >= size) return;
    integer row = i / width;
    real level = (real)(row_total(sums, row, parts) / (double)width);
    real tilt = (real)(row_total(sums + all, row, parts) / (double)width) * root[row] * root[row];
    dx[i] = root[row] * (g[i] * weight[i % width] - level - (x[i] - mean[row]) * tilt);
}

// sums[0,part,column] of g n and sums[1,part,column] of g over every parts-th row
extern "C" __global__ void column_gradient_parts(const real* g, const real* x, const real* mean, const real* root, real* sums,
                                                 integer size, integer rows, integer width, integer parts) {
    integer i = thread_number();
    if (i >= size) return;
    real first = 0, second = 0;
    for (integer row = i / width; row < rows; row += parts) {
        integer at = row * width + i % width;
        first += g[at] * ((x[at] - mean[row]) * root[row]);
        second += g[at];
    }
    sums[i] = first;
    sums[size + i] = second;
}

// The sum of each column of matrices (parts, width), one after the other: number i is column i % width of matrix i / width.
extern "C" __global__ void column_totals(const real* sums, real* totals, integer size, integer width, integer parts) {
    integer i = thread_number();
    if (i >= size) return;
    double total = 0;
    for (integer part = 0; part < parts; part++) total += (double)sums[(i / width * parts + part) * width + i % width];
    totals[i] = (real)total;
}
