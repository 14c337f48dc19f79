// What a forked child makes anew lies side by side in memory: the kernel copies each page that it
// writes, which takes microseconds.
#ifndef HEDDLE_BASE_FORKED_H
#define HEDDLE_BASE_FORKED_H

#define FORKED __attribute__((section("forked")))

#endif
