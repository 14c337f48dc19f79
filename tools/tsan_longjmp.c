/* Linked into the build for ThreadSanitizer only, which sees longjmp but not the variants of it
 * that Lua may be compiled to use: without this, its record of the call stack grows at every error
 * and yield until it overflows. */
#include <setjmp.h>

_Noreturn void _longjmp(jmp_buf env, int value);
_Noreturn void __longjmp_chk(jmp_buf env, int value);

/* Leaves as longjmp does. */
void _longjmp(jmp_buf env, int value) { longjmp(env, value); }

/* The same, as fortified code calls it. */
void __longjmp_chk(jmp_buf env, int value) { longjmp(env, value); }
