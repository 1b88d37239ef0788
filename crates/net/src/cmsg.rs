//! Control messages: what the kernel tells beside a datagram, and what we tell it.

use std::{mem, net::IpAddr};

use crate::sys;

/// Room for the control messages of one datagram, aligned as they must be: packet information of
/// either family and a segment size.
#[derive(Clone, Copy)]
#[repr(align(8))]
pub(crate) struct Control(pub(crate) [u8; Self::LENGTH]);

impl Control {
    pub(crate) const LENGTH: usize = 96;
    pub(crate) const EMPTY: Self = Self([0; Self::LENGTH]);
}

/// What came beside a datagram.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    /// The address of this machine that the datagram was sent to.
    pub(crate) local: Option<IpAddr>,
    /// The size of the datagrams that were put together.
    pub(crate) segment: Option<usize>,
}

/// Reads the control messages of a header that the kernel filled.
///
/// # Safety
/// `header.msg_control` and `msg_controllen` must describe readable memory that the kernel filled.
pub(crate) unsafe fn read(header: &libc::msghdr) -> Told {
    let mut told = Told::default();
    // SAFETY: the caller vouches for the control buffer; CMSG_* stay inside it.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !message.is_null() {
        // SAFETY: not null, so it points to a whole header inside the buffer.
        let kind = unsafe { ((*message).cmsg_level, (*message).cmsg_type) };
        // SAFETY: as above; only the address is computed.
        let data = unsafe { libc::CMSG_DATA(message) };
        // SAFETY: the level and type say which value the kernel wrote there; none need be aligned.
        unsafe {
            match kind {
                (libc::SOL_UDP, libc::UDP_GRO) => {
                    let size = data.cast::<libc::c_int>().read_unaligned();
                    told.segment = usize::try_from(size).ok().filter(|&size| size > 0);
                }
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                    told.local = Some(sys::from_in_addr(info.ipi_spec_dst).into());
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                    told.local = Some(sys::from_in6_addr(info.ipi6_addr).into());
                }
                _ => {}
            }
        }
        // SAFETY: `message` is a header of this buffer.
        message = unsafe { libc::CMSG_NXTHDR(header, message) };
    }
    told
}

/// Writes the control messages for a datagram that is to be sent, and returns their length: the
/// address it leaves from, and the size it is to be cut into.
pub(crate) fn write(control: &mut Control, source: Option<IpAddr>, segment: Option<u16>) -> usize {
    let mut length = 0;
    match source {
        Some(IpAddr::V4(ip)) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: sys::to_in_addr(ip),
                ipi_addr: sys::to_in_addr(ip),
            };
            length += append(control, length, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
        }
        Some(IpAddr::V6(ip)) => {
            let info = libc::in6_pktinfo {
                ipi6_addr: sys::to_in6_addr(ip),
                ipi6_ifindex: 0,
            };
            length += append(
                control,
                length,
                libc::IPPROTO_IPV6,
                libc::IPV6_PKTINFO,
                info,
            );
        }
        None => {}
    }
    if let Some(segment) = segment {
        length += append(control, length, libc::SOL_UDP, libc::UDP_SEGMENT, segment);
    }
    length
}

/// Appends one control message at `offset`; returns the room it takes.
fn append<T: Copy>(
    control: &mut Control,
    offset: usize,
    level: libc::c_int,
    kind: libc::c_int,
    value: T,
) -> usize {
    let size = u32::try_from(mem::size_of::<T>()).expect("control messages are small");
    // SAFETY: these two only compute.
    let (space, length) = unsafe {
        (
            libc::CMSG_SPACE(size) as usize,
            libc::CMSG_LEN(size) as usize,
        )
    };
    let room = &mut control.0[offset..offset + space];
    let header = libc::cmsghdr {
        cmsg_len: length,
        cmsg_level: level,
        cmsg_type: kind,
    };
    let data_at = length - mem::size_of::<T>();
    // SAFETY: `room` holds header and value (CMSG_SPACE), and both are written unaligned.
    unsafe {
        room.as_mut_ptr()
            .cast::<libc::cmsghdr>()
            .write_unaligned(header);
        room[data_at..]
            .as_mut_ptr()
            .cast::<T>()
            .write_unaligned(value);
    }
    space
}
