//! The SOAP decoder, on any bytes: it ends, within its limits, and what it read it reads again alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vsphere::Limits;
use vsphere::wire::{Answer, decode};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { answer_bytes: 1 << 20, depth: 24, elements: 4096, text_bytes: 4096, tag_bytes: 1024 };
    let read = decode(bytes, &limits);
    // A reader that hands out one byte at a time cuts every name, entity and character in two.
    let cut = decode(std::io::BufReader::with_capacity(1, bytes), &limits);
    match (&read, &cut) {
        (Ok(Answer::Response(one)), Ok(Answer::Response(two))) => assert_eq!(one, two),
        (Ok(Answer::Fault(one)), Ok(Answer::Fault(two))) => assert_eq!(one.kind, two.kind),
        (Err(_), Err(_)) => {}
        _ => panic!("whole: {read:?}, in pieces: {cut:?}"),
    }
});
