//! What C sees: the only unsafe code of what targets share.
mod hal;
