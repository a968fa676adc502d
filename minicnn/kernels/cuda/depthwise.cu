// Depthwise convolution: one filter (kh, kw) a channel, stored one after the other. Images have any strides; results lie
// channels last or first. All three are gathered: a thread makes one number of the result, in the plain kernel's order.

extern "C" __global__ void depthwise(const real* x, STRIDES(x), const real* w, real* y, integer size, integer c, integer h,
                                     integer width, integer oh, integer ow, integer channels_last, WINDOW) {
    integer i = thread_number();
    if (i >= size) return;
    Place p = place(i, c, oh, ow, channels_last);
    real total = 0;
    for (integer a = 0; a < kh; a++) {
        integer row = p.y * sy - py + a * dy;
        if (!inside(row, h)) continue;
        for (integer b = 0; b < kw; b++) {
            integer column = p.x * sx - px + b * dx;
            if (inside(column, width)) total += w[(p.c * kh + a) * kw + b] * x[AT(x, p.n, p.c, row, column)];
        }
    }
    y[i] = total;
}

// Each pixel gathers u from all windows over it.
extern "C" __global__ void depthwise_input(const real* u, STRIDES(u), const real* w, real* x, integer size, integer c,
                                           integer h, integer width, integer oh, integer ow, integer channels_last, WINDOW) {
    integer i = thread_number();
    if (i >= size) return;
    Place p = place(i, c, h, width, channels_last);
    real total = 0;
    for (integer a = 0; a < kh; a++) {
        integer row = window_at(p.y + py - a * dy, sy, oh);
        if (row < 0) continue;
        for (integer b = 0; b < kw; b++) {
            integer column = window_at(p.x + px - b * dx, sx, ow);
            if (column >= 0) total += w[(p.c * kh + a) * kw + b] * u[AT(u, p.n, p.c, row, column)];
        }
    }
    x[i] = total;
}

// sums[part,a,b,c] of x u over every parts-th of the n oh ow pixels of u; `depthwise_totals` adds the parts up.
extern "C" __global__ void depthwise_weight_parts(const real* x, STRIDES(x), const real* u, STRIDES(u), real* sums,
                                                  integer size, integer c, integer h, integer width, integer oh, integer ow,
                                                  integer pixels, integer parts, WINDOW) {
    integer i = thread_number();
    if (i >= size) return;
    integer channel = i % c, b = i / c % kw, a = i / c / kw % kh;
    real total = 0;
    for (integer q = i / c / kw / kh; q < pixels; q += parts) {
        integer left = q % ow, top = q / ow % oh, n = q / ow / oh;
        integer row = top * sy - py + a * dy, column = left * sx - px + b * dx;
        if (inside(row, h) && inside(column, width)) total += x[AT(x, n, channel, row, column)] * u[AT(u, n, channel, top, left)];
    }
    sums[i] = total;
}

// w[c,a,b] = sum of sums[part,a,b,c] over the parts, in double precision
extern "C" __global__ void depthwise_totals(const real* sums, real* w, integer size, integer c, integer parts) {
    integer i = thread_number();
    if (i >= size) return;
    integer places = size / c, channel = i / places, at = i % places;
    double total = 0;
    for (integer part = 0; part < parts; part++) total += (double)sums[(part * places + at) * c + channel];
    w[i] = (real)total;
}
