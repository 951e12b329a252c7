//! The names of Qschs and classifiers: `1:`, `1:10`, `root`, `ingress`.

use std::fmt;
use std::str::FromStr;

/// The name of a Qsch on a device, or of a classifier of a Qsch: major and minor, 16 bits each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handle(pub u32);

impl Handle {
    /// No name: of a new object, "choose one"; of a parent, "none".
    pub const NONE: Handle = Handle(0);
    /// The top Qsch of what leaves by a device (`TC_H_ROOT`).
    pub const ROOT: Handle = Handle(0xffff_ffff);
    /// The top Qsch of what comes in by a device (`TC_H_INGRESS`).
    pub const INGRESS: Handle = Handle(0xffff_fff1);
    /// The first name that is chosen for what has none: 8001:.
    pub const FIRST_AUTO: Handle = Handle(0x8001_0000);

    /// `major:minor`.
    pub const fn new(major: u16, minor: u16) -> Handle {
        Handle((major as u32) << 16 | minor as u32)
    }

    /// The number in front of the colon.
    pub const fn major(self) -> u32 {
        self.0 >> 16
    }

    /// The number behind the colon.
    pub const fn minor(self) -> u32 {
        self.0 & 0xffff
    }

    /// Whether this names the top of a tree.
    pub fn is_top(self) -> bool {
        matches!(self, Handle::ROOT | Handle::INGRESS)
    }

    /// The next name to be chosen: a major number further, and from 8000: again at the end.
    ///
    /// DPVS: one cursor for Qschs and another one for classifiers, in static variables.
    #[must_use]
    pub fn next_auto(self) -> Handle {
        match self.0.checked_add(0x1_0000) {
            Some(next) if next < 0xffff_0000 => Handle(next),
            _ => Handle(0x8000_0000),
        }
    }
}

impl fmt::Display for Handle {
    /// As `tc` and `dpip` write it: hexadecimal, a minor number of 0 left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Handle::ROOT => f.pad("root"),
            Handle::INGRESS => f.pad("ingress"),
            Handle::NONE => f.pad("none"),
            handle if handle.minor() == 0 => f.pad(&format!("{:x}:", handle.major())),
            handle => f.pad(&format!("{:x}:{:x}", handle.major(), handle.minor())),
        }
    }
}

/// The text is no handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a handle is \"root\", \"ingress\", or hexadecimal numbers such as \"1:\" or \"1:10\"")]
pub struct BadHandle;

impl FromStr for Handle {
    type Err = BadHandle;

    fn from_str(text: &str) -> Result<Handle, BadHandle> {
        match text {
            "root" => return Ok(Handle::ROOT),
            "ingress" => return Ok(Handle::INGRESS),
            _ => {}
        }
        let (major, minor) = text.split_once(':').ok_or(BadHandle)?;
        let number = |digits: &str| {
            let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
            let number = u16::from_str_radix(digits, 16).ok();
            number.filter(|_| hexadecimal).ok_or(BadHandle)
        };
        let handle = match minor {
            "" => Handle::new(number(major)?, 0),
            minor => Handle::new(number(major)?, number(minor)?),
        };
        if handle == Handle::NONE || handle.is_top() {
            return Err(BadHandle);
        }
        Ok(handle)
    }
}
