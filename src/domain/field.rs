//! Length-prefixed fields, `lp(x) = u32be(len x) ‖ x`, the way every hashed or derived text of the
//! format joins its parts. With the length in front no two lists of fields read the same.

/// Appends `field` with its length in front.
///
/// # Panics
/// On a field of 4 GiB or more; every caller's fields are bounded far below.
pub fn push_field(out: &mut Vec<u8>, field: &[u8]) {
    let len = u32::try_from(field.len()).expect("fields are shorter than 4 GiB");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(field);
}
