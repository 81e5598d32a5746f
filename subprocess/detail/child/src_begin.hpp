// What follows keeps, inside of a source file of the host, the options with which the
// build compiles the child's side: see subprocess/meson.build. src_end.hpp ends it.

#if defined(__clang__)
#pragma clang attribute push(                                                                                          \
    __attribute__((no_stack_protector, no_profile_instrument_function, no_instrument_function)), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("no-stack-protector", "no-tree-loop-distribute-patterns")
#endif
