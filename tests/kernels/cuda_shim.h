// Runs the library's CUDA sources on the CPU: one thread after the other, last or first thread first, so that a kernel whose
// result depended on the order would give two results. A launch takes pointers to its arguments, as cuLaunchKernel does,
// and says no when their number or a size is not the kernel's.
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <utility>
using std::erf;
using std::exp;
using std::sqrt;
using std::tanh;

#define __global__
#define __device__

struct Triple { unsigned x, y, z; };
static Triple threadIdx, blockIdx, blockDim, gridDim;

template <class... P, std::size_t... I>
int run(void (*kernel)(P...), unsigned grid, unsigned block, bool backwards, int count, const int* sizes, void** arguments,
        std::index_sequence<I...>) {
    const int expected[] = {(int)sizeof(P)...};
    if (count != (int)sizeof...(P)) return -1;
    for (int i = 0; i < count; i++) if (sizes[i] != expected[i]) return i + 1;
    blockDim = {block, 1, 1};
    gridDim = {grid, 1, 1};
    const unsigned long long total = (unsigned long long)grid * block;
    for (unsigned long long k = 0; k < total; k++) {
        const unsigned long long i = backwards ? total - 1 - k : k;
        blockIdx = {(unsigned)(i / block), 0, 0};
        threadIdx = {(unsigned)(i % block), 0, 0};
        kernel(*(P*)arguments[I]...);
    }
    return 0;
}

#define LAUNCHER(kernel)                                                                                              \
    extern "C" int launch_##kernel(unsigned grid, unsigned block, int backwards, int count, const int* sizes, void** a) { \
        return start(kernel, grid, block, backwards, count, sizes, a);                                                \
    }

template <class... P>
int start(void (*kernel)(P...), unsigned grid, unsigned block, bool backwards, int count, const int* sizes, void** arguments) {
    return run(kernel, grid, block, backwards, count, sizes, arguments, std::index_sequence_for<P...>{});
}
