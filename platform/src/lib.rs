//! Default Linux port of the SDK: every `HAL_*` function.
#![no_std]
