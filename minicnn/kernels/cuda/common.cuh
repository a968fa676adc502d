// What all kernels share. REAL (float or double) and INTEGER (int, or long long for arrays beyond 2^30 numbers) come from
// the compiler's options. Every kernel runs one thread per output number, which only that thread writes: results do not
// depend on the order in which threads run. Nothing here needs a header, shared memory, a barrier or an atomic.
typedef REAL real;
typedef INTEGER integer;

// Windows, in the order in which all kernels take them: kernel, stride, padding, dilation, each for rows and columns.
#define WINDOW integer kh, integer kw, integer sy, integer sx, integer py, integer px, integer dy, integer dx
// How far apart samples, channels, rows and columns of an image lie in memory.
#define STRIDES(x) integer x##_n, integer x##_c, integer x##_y, integer x##_x
#define AT(x, n, c, y, column) ((n) * x##_n + (c) * x##_c + (y) * x##_y + (column) * x##_x)

__device__ inline integer thread_number() { return (integer)blockIdx.x * (integer)blockDim.x + (integer)threadIdx.x; }

struct Place { integer n, c, y, x; };

// The i-th number of an image (.., c, h, w) in the order of memory: channels last, or columns last.
__device__ inline Place place(integer i, integer c, integer h, integer w, integer channels_last) {
    Place p;
    if (channels_last) { p.c = i % c; i /= c; }
    p.x = i % w; i /= w;
    p.y = i % h; i /= h;
    if (!channels_last) { p.c = i % c; i /= c; }
    p.n = i;
    return p;
}

__device__ inline bool inside(integer i, integer count) { return 0 <= i && i < count; }

// The window that begins at padded row (or column) `start`, or -1: windows begin at every stride-th one, `count` of them.
__device__ inline integer window_at(integer start, integer stride, integer count) {
    return start >= 0 && start % stride == 0 && start / stride < count ? start / stride : -1;
}
