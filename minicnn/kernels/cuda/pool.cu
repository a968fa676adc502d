// Maxima and sums of windows, and what their gradients need. Inputs have any strides; results lie channels last or first.

// How far the first place of a window inside the image is; a window that steps over a small image gets the last row or column.
__device__ inline integer first_inside(integer start, integer dilation, integer count) {
    integer step = start < 0 ? (-start + dilation - 1) / dilation * dilation : 0;
    return step < count - 1 - start ? start + step : count - 1;
}

// The largest entry of each window and its flat place in h w. Of equals the first counts; a NaN is larger than every
// number, and of several the last counts; padding never wins. `lowest` is minus infinity.
extern "C" __global__ void max_pool2d(const real* x, STRIDES(x), real* y, long long* index, integer size, integer c,
                                      integer h, integer w, integer oh, integer ow, integer channels_last, WINDOW,
                                      real lowest) {
    integer i = thread_number();
    if (i >= size) return;
    Place p = place(i, c, oh, ow, channels_last);
    integer top = p.y * sy - py, left = p.x * sx - px;
    integer where = first_inside(top, dy, h) * w + first_inside(left, dx, w);
    real best = lowest;
    for (integer a = 0; a < kh; a++) {
        integer row = top + a * dy;
        if (!inside(row, h)) continue;
        for (integer b = 0; b < kw; b++) {
            integer column = left + b * dx;
            if (!inside(column, w)) continue;
            real value = x[AT(x, p.n, p.c, row, column)];
            if (value > best || value != value) { best = value; where = row * w + column; }
        }
    }
    y[i] = best;
    index[i] = where;
}

// Each pixel gathers u of those windows over it whose maximum it was.
extern "C" __global__ void max_spread(const real* u, STRIDES(u), const long long* index, STRIDES(k), real* x, integer size,
                                      integer c, integer h, integer w, integer oh, integer ow, integer channels_last,
                                      WINDOW) {
    integer i = thread_number();
    if (i >= size) return;
    Place p = place(i, c, h, w, channels_last);
    long long mine = (long long)(p.y * w + p.x);
    real total = 0;
    for (integer a = 0; a < kh; a++) {
        integer row = window_at(p.y + py - a * dy, sy, oh);
        if (row < 0) continue;
        for (integer b = 0; b < kw; b++) {
            integer column = window_at(p.x + px - b * dx, sx, ow);
            if (column >= 0 && index[AT(k, p.n, p.c, row, column)] == mine) total += u[AT(u, p.n, p.c, row, column)];
        }
    }
    x[i] = total;
}

// The sum of each window, zeros outside the image. Dividing by the counts is the caller's.
extern "C" __global__ void sum_pool2d(const real* x, STRIDES(x), real* y, integer size, integer c, integer h, integer w,
                                      integer oh, integer ow, integer channels_last, WINDOW) {
    integer i = thread_number();
    if (i >= size) return;
    Place p = place(i, c, oh, ow, channels_last);
    real total = 0;
    for (integer a = 0; a < kh; a++) {
        integer row = p.y * sy - py + a * dy;
        if (!inside(row, h)) continue;
        for (integer b = 0; b < kw; b++) {
            integer column = p.x * sx - px + b * dx;
            if (inside(column, w)) total += x[AT(x, p.n, p.c, row, column)];
        }
    }
    y[i] = total;
}

// Each pixel gathers u of every window over it.
extern "C" __global__ void sum_spread(const real* u, STRIDES(u), real* x, integer size, integer c, integer h, integer w,
                                      integer oh, integer ow, integer channels_last, WINDOW) {
    integer i = thread_number();
    if (i >= size) return;
    Place p = place(i, c, h, w, channels_last);
    real total = 0;
    for (integer a = 0; a < kh; a++) {
        integer row = window_at(p.y + py - a * dy, sy, oh);
        if (row < 0) continue;
        for (integer b = 0; b < kw; b++) {
            integer column = window_at(p.x + px - b * dx, sx, ow);
            if (column >= 0) total += u[AT(u, p.n, p.c, row, column)];
        }
    }
    x[i] = total;
}
