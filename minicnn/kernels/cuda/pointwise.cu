// Entry by entry, each chain of operations in one pass over memory. Arrays are dense and laid out alike.

__device__ inline real logistic(real x) { return (real)0.5 * tanh((real)0.5 * x) + (real)0.5; }

// Phi(x), the normal distribution function: through erf, or with the tanh that Hendrycks and Gimpel 2016 propose.
__device__ inline real normal_cdf(real x) { return (real)0.5 * erf(x * (real)0.70710678118654752) + (real)0.5; }
__device__ inline real tanh_cdf(real x) { return logistic((real)1.5957691216057308 * (x + (real)0.044715 * x * x * x)); }

#define MAP(name, value)                                                                  \
    extern "C" __global__ void name(const real* us, real* ys, integer size) {             \
        integer i = thread_number();                                                      \
        if (i < size) { real x = us[i]; ys[i] = value; }                                  \
    }
#define MAP2(name, value)                                                                 \
    extern "C" __global__ void name(const real* us, const real* vs, real* ys, integer size) { \
        integer i = thread_number();                                                      \
        if (i < size) { real g = us[i], x = vs[i]; ys[i] = value; }                       \
    }

MAP(relu, x <= 0 ? (real)0 : x)  // a NaN stays one
MAP(sigmoid, logistic(x))
MAP(silu, x * logistic(x))
MAP(gelu, x * normal_cdf(x))
MAP(gelu_tanh, x * tanh_cdf(x))
MAP2(gate, x > 0 ? g : (real)0)
MAP2(tanh_slope, g * (1 - x * x))  // x is the result here, and in the next line
MAP2(sigmoid_slope, g * (x * (1 - x)))
MAP2(silu_slope, g * (logistic(x) * (1 + x * (1 - logistic(x)))))
MAP2(gelu_slope, g * (normal_cdf(x) + x * (real)0.39894228040143268 * exp((real)-0.5 * x * x)))
MAP2(gelu_tanh_slope, g * (tanh_cdf(x) + x * 2 * tanh_cdf(x) * (1 - tanh_cdf(x))
                           * ((real)0.79788456080286536 * (1 + (real)0.134145 * x * x))))

// The gradient of what is minimised. Without decay an infinite weight must not make it NaN.
__device__ inline real descent(real g, real w, real decay, real sign) { return decay == 0 ? sign * g : sign * g + decay * w; }

// w -= rate step; without momentum the step is the gradient.
extern "C" __global__ void sgd(real* w, const real* g, integer size, real rate, real decay, real sign) {
    integer i = thread_number();
    if (i < size) w[i] -= rate * descent(g[i], w[i], decay, sign);
}

// v = momentum v + share gradient (the gradient itself at the first step), step v, or gradient + momentum v (Nesterov).
extern "C" __global__ void sgd_momentum(real* w, const real* g, real* v, integer size, real rate, real decay, real sign,
                                        real momentum, real share, integer nesterov, integer first) {
    integer i = thread_number();
    if (i >= size) return;
    real gradient = descent(g[i], w[i], decay, sign);
    real velocity = first ? gradient : momentum * v[i] + share * gradient;
    v[i] = velocity;
    w[i] -= rate * (nesterov ? gradient + momentum * velocity : velocity);
}

// m, v: running means of gradient and gradient^2; w -= rate m / (sqrt(v) / root + eps), after w *= shrink (AdamW).
extern "C" __global__ void adam(real* w, const real* g, real* m, real* v, integer size, real rate, real decay, real sign,
                                real shrink, real beta1, real beta2, real root, real eps) {
    integer i = thread_number();
    if (i >= size) return;
    real weight = w[i] * shrink, gradient = descent(g[i], weight, decay, sign);
    real mean = beta1 * m[i] + (1 - beta1) * gradient, square = beta2 * v[i] + (1 - beta2) * gradient * gradient;
    m[i] = mean;
    v[i] = square;
    w[i] = weight - rate * mean / (sqrt(square) / root + eps);
}
