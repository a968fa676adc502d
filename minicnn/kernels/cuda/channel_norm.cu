// Normalisation per channel. Images are contiguous, channels first or last. A sum over all pixels of a channel is made of
// `parts` shorter sums, one a thread, which one thread a channel then adds up in double precision: always in the same order.

// Where pixel q (of all samples) of a channel lies; a plane is the h w pixels of one sample.
__device__ inline integer pixel(integer q, integer channel, integer c, integer plane, integer channels_last) {
    return channels_last ? q * c + channel : (q / plane * c + channel) * plane + q % plane;
}

// The channel of the i-th number in memory.
__device__ inline integer channel_of(integer i, integer c, integer plane, integer channels_last) {
    return channels_last ? i % c : i / plane % c;
}

// Which sum thread i makes, so that neighbouring threads read neighbouring numbers.
__device__ inline void part_of(integer i, integer c, integer parts, integer channels_last, integer* channel, integer* part) {
    *channel = channels_last ? i % c : i / parts;
    *part = channels_last ? i / c : i % parts;
}

// sums[0,part,c] of x - p and sums[1,part,c] of (x - p)^2, the pivot p being the channel's first pixel: E[(x-p)^2] -
// E[x-p]^2 is accurate for a pivot near the mean, while p = 0 loses all digits when the mean is large beside the deviation.
extern "C" __global__ void moment_parts(const real* x, real* sums, integer size, integer c, integer plane, integer pixels,
                                        integer parts, integer channels_last) {
    integer i = thread_number(), channel, part;
    if (i >= size) return;
    part_of(i, c, parts, channels_last, &channel, &part);
    real pivot = x[pixel(0, channel, c, plane, channels_last)], first = 0, second = 0;
    for (integer q = part; q < pixels; q += parts) {
        real value = x[pixel(q, channel, c, plane, channels_last)] - pivot;
        first += value;
        second += value * value;
    }
    sums[part * c + channel] = first;
    sums[(parts + part) * c + channel] = second;
}

__device__ inline double total_of(const real* sums, integer c, integer parts) {
    double total = 0;
    for (integer part = 0; part < parts; part++) total += (double)sums[part * c];
    return total;
}

// Mean and biased variance of each channel.
extern "C" __global__ void moments(const real* x, const real* sums, real* mean, real* variance, integer c, integer plane,
                                   integer pixels, integer parts, integer channels_last) {
    integer channel = thread_number();
    if (channel >= c) return;
    double first = total_of(sums + channel, c, parts) / (double)pixels;
    double second = total_of(sums + parts * c + channel, c, parts) / (double)pixels - first * first;
    mean[channel] = (real)((double)x[pixel(0, channel, c, plane, channels_last)] + first);
    variance[channel] = (real)(second < 0 ? 0.0 : second);  // a NaN stays one
}

// y = (x - mean) / sqrt(variance + eps) weight + bias, then max(y, 0) if asked.
extern "C" __global__ void normalize(const real* x, const real* mean, const real* variance, const real* weight,
                                     const real* bias, real* y, integer size, integer c, integer plane,
                                     integer channels_last, real eps, integer relu) {
    integer i = thread_number();
    if (i >= size) return;
    integer k = channel_of(i, c, plane, channels_last);
    real value = (x[i] - mean[k]) * (weight[k] / sqrt(variance[k] + eps)) + bias[k];
    y[i] = relu && value <= 0 ? (real)0 : value;
}

// y = x scale + shift, then max(y, 0) if asked.
extern "C" __global__ void scale_shift(const real* x, const real* scale, const real* shift, real* y, integer size, integer c,
                                       integer plane, integer channels_last, integer relu) {
    integer i = thread_number();
    if (i >= size) return;
    integer k = channel_of(i, c, plane, channels_last);
    real value = x[i] * scale[k] + shift[k];
    y[i] = relu && value <= 0 ? (real)0 : value;
}

// sums[0,part,c] of g and sums[1,part,c] of g (x - mean).
extern "C" __global__ void gradient_parts(const real* g, const real* x, const real* mean, real* sums, integer size,
                                          integer c, integer plane, integer pixels, integer parts, integer channels_last) {
    integer i = thread_number(), channel, part;
    if (i >= size) return;
    part_of(i, c, parts, channels_last, &channel, &part);
    real centre = mean[channel], first = 0, second = 0;
    for (integer q = part; q < pixels; q += parts) {
        integer at = pixel(q, channel, c, plane, channels_last);
        first += g[at];
        second += g[at] * (x[at] - centre);
    }
    sums[part * c + channel] = first;
    sums[(parts + part) * c + channel] = second;
}

// Per channel: the gradients of weight (sum of g n, where n = (x - mean) root) and bias (sum of g), and the three factors
// with which dx = slope g + tilt (x - mean) + level, which is weight root (g - mean(g) - n mean(g n)).
extern "C" __global__ void gradients(const real* sums, const real* root, const real* weight, real* product, real* total,
                                     real* factors, integer c, integer pixels, integer parts) {
    integer k = thread_number();
    if (k >= c) return;
    double r = (double)root[k], slope = (double)weight[k] * r;
    double sum = total_of(sums + k, c, parts), with_n = total_of(sums + parts * c + k, c, parts) * r;
    product[k] = (real)with_n;
    total[k] = (real)sum;
    factors[k] = (real)slope;
    factors[c + k] = (real)(-slope * r * with_n / (double)pixels);
    factors[2 * c + k] = (real)(-slope * sum / (double)pixels);
}

extern "C" __global__ void normalize_gradient(const real* g, const real* x, const real* mean, const real* factors, real* dx,
                                              integer size, integer c, integer plane, integer channels_last) {
    integer i = thread_number();
    if (i >= size) return;
    integer k = channel_of(i, c, plane, channels_last);
    dx[i] = factors[k] * g[i] + factors[c + k] * (x[i] - mean[k]) + factors[2 * c + k];
}

// A running average: running = (1 - momentum) running + momentum factor batch.
extern "C" __global__ void running_average(const real* batch, real* running, integer size, real momentum, real factor) {
    integer i = thread_number();
    if (i < size) running[i] = ((real)1 - momentum) * running[i] + momentum * (factor * batch[i]);
}
