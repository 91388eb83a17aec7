//! Which addresses are outside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Whether an address belongs to the public internet.
///
/// For IPv6 this is an allow-list (2000::/3 less what is special in it), so that forms that carry
/// an IPv4 address in disguise are refused without having to know each of them.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// The IANA special-purpose registry (RFC 6890 and its successors), as of 2026.
const SPECIAL_V4: [Ipv4Net; 14] = [
    net4([0, 0, 0, 0], 8),
    net4([10, 0, 0, 0], 8),
    net4([100, 64, 0, 0], 10), // shared address space of carriers
    net4([127, 0, 0, 0], 8),
    net4([169, 254, 0, 0], 16),
    net4([172, 16, 0, 0], 12),
    net4([192, 0, 0, 0], 24),
    net4([192, 0, 2, 0], 24),
    net4([192, 88, 99, 0], 24), // 6to4 relays
    net4([192, 168, 0, 0], 16),
    net4([198, 18, 0, 0], 15),
    net4([198, 51, 100, 0], 24),
    net4([203, 0, 113, 0], 24),
    net4([224, 0, 0, 0], 3), // multicast, reserved, broadcast
];

const fn net4([a, b, c, d]: [u8; 4], bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|special| special.contains(&address))
}

const GLOBAL_UNICAST: Ipv6Net = net6(0x2000, 0, 3);

const SPECIAL_V6: [Ipv6Net; 4] = [
    net6(0x2001, 0, 23), // protocol assignments, Teredo among them
    net6(0x2001, 0x0db8, 32),
    net6(0x2002, 0, 16), // 6to4 carries an IPv4 address
    net6(0x3fff, 0, 20),
];

const fn net6(a: u16, b: u16, bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), bits)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    GLOBAL_UNICAST.contains(&address)
        && !SPECIAL_V6.iter().any(|special| special.contains(&address))
}
