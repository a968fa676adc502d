// Patches of an image as columns, and columns added back. Images have any strides; columns are contiguous.

// cols[n,c,a,b,i,j] = x[n, c, sy i + dy a - py, sx j + dx b - px], zero outside the image.
extern "C" __global__ void im2col(const real* x, STRIDES(x), real* cols, integer size, integer c, integer h, integer w,
                                  integer oh, integer ow, WINDOW) {
    integer i = thread_number(), rest = i;
    if (i >= size) return;
    integer j = rest % ow; rest /= ow;
    integer row = rest % oh; rest /= oh;
    integer b = rest % kw; rest /= kw;
    integer a = rest % kh; rest /= kh;
    row = row * sy + a * dy - py;
    integer column = j * sx + b * dx - px;
    cols[i] = inside(row, h) && inside(column, w) ? x[AT(x, rest / c, rest % c, row, column)] : (real)0;
}

// The same numbers as rows for a product, channels last: rows[group, n, i, j, a, b, channel of the group].
extern "C" __global__ void im2row(const real* x, STRIDES(x), real* rows, integer size, integer n, integer per_group,
                                  integer h, integer w, integer oh, integer ow, WINDOW) {
    integer i = thread_number(), rest = i;
    if (i >= size) return;
    integer k = rest % per_group; rest /= per_group;
    integer b = rest % kw; rest /= kw;
    integer a = rest % kh; rest /= kh;
    integer column = rest % ow * sx + b * dx - px; rest /= ow;
    integer row = rest % oh * sy + a * dy - py; rest /= oh;
    integer channel = rest / n * per_group + k;
    rows[i] = inside(row, h) && inside(column, w) ? x[AT(x, rest % n, channel, row, column)] : (real)0;
}

// Each pixel gathers every entry of the columns that was read from it, kernel places in order. The columns' strides are
// q_n, q_i, q_j (windows), q_a, q_b (kernel places), q_c (channels of a group) and q_g (groups of per_group channels).
extern "C" __global__ void col2im(const real* cols, integer q_n, integer q_g, integer q_c, integer q_a, integer q_b,
                                  integer q_i, integer q_j, integer per_group, real* x, integer size, integer c, integer h,
                                  integer w, integer channels_last, integer oh, integer ow, WINDOW) {
    integer i = thread_number();
    if (i >= size) return;
    Place p = place(i, c, h, w, channels_last);
    cols += p.n * q_n + p.c / per_group * q_g + p.c % per_group * q_c;
    real total = 0;
    for (integer a = 0; a < kh; a++) {
        integer row = window_at(p.y + py - a * dy, sy, oh);
        if (row < 0) continue;
        for (integer b = 0; b < kw; b++) {
            integer column = window_at(p.x + px - b * dx, sx, ow);
            if (column >= 0) total += cols[a * q_a + b * q_b + row * q_i + column * q_j];
        }
    }
    x[i] = total;
}
