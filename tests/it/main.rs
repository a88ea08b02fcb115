//! The integration suite: one binary. It runs the gateway as an operator does, against the simulator and private libvirt
//! hosts, on SQLite and on PostgreSQL, and asserts through the API and the command line. `docs/TESTING.md` tells more.

#![allow(missing_docs, reason = "a test binary has no readers of its documentation")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test ends at the first surprise, and says what it was")]

#[macro_use]
mod harness;

mod apply;
mod backup;
mod bad_input;
mod changes;
mod command_line;
mod comparison;
mod configuration;
mod faults_clock;
mod faults_gateway;
mod faults_kvm;
mod faults_vsphere;
mod migration;
mod portal;
mod restart;
mod several;
mod soak;
mod stopped_pool;
mod telemetry;
mod tenants;
mod transports;
mod truth;
mod unreachable;
