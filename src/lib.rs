//! Spandrel: one cloud over VMware and KVM.
