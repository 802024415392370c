//! Bytes to values and back: VRRP, AH, ARP, NDISC.
