//! Who calls, as his relation to one application, and the rights that follow.

/// A set of the relations that a row of the table asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who {
    bits: u8,
    never_owner: bool,
}

impl Who {
    /// Nobody.
    pub const NOBODY: Self = Self::of(0);
    /// O: the citizen of the application.
    pub const OWNER: Self = Self::of(1);
    /// A: the assigned operator, or a member of the assigned office.
    pub const ASSIGNED: Self = Self::of(2);
    /// D: who works at the desk of the service.
    pub const DESK: Self = Self::of(4);
    /// B: the back office.
    pub const BACK_OFFICE: Self = Self::of(8);
    /// G: who may tell the outcome of a payment.
    pub const GATEWAY: Self = Self::of(16);
    /// The platform itself.
    pub const PLATFORM: Self = Self::of(32);
    /// E: who may edit, the back office or the assigned.
    pub const EDITOR: Self = Self::BACK_OFFICE.or(Self::ASSIGNED);

    const fn of(bits: u8) -> Self {
        Self {
            bits,
            never_owner: false,
        }
    }

    /// Either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            bits: self.bits | other.bits,
            never_owner: self.never_owner || other.never_owner,
        }
    }

    /// The same set without whoever is the owner too.
    #[must_use]
    pub const fn never_owner(self) -> Self {
        Self {
            bits: self.bits,
            never_owner: true,
        }
    }

    /// True when a caller of these relations is let in by this set.
    #[must_use]
    pub const fn admits(self, relations: Self) -> bool {
        self.bits & relations.bits != 0
            && !(self.never_owner && relations.bits & Self::OWNER.bits != 0)
    }

    /// Short form as the page of the states writes it, e.g. `O, E`.
    #[must_use]
    pub fn letters(self) -> String {
        let holds = |set: Self| self.bits & set.bits == set.bits;
        let mut names = Vec::new();
        if holds(Self::OWNER) {
            names.push("O");
        }
        if holds(Self::EDITOR) {
            names.push("E");
        } else if holds(Self::ASSIGNED) {
            names.push("A");
        } else if holds(Self::BACK_OFFICE) {
            names.push("B");
        }
        if holds(Self::DESK) {
            names.push("D");
        }
        if holds(Self::GATEWAY) {
            names.push("G");
        }
        if holds(Self::PLATFORM) {
            names.push("platform");
        }
        let mut letters = names.join(", ");
        if self.never_owner {
            letters.push_str(", never O");
        }
        letters
    }
}

/// What one caller is to one application. Rights rest on the replicated users and offices, not on
/// what a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caller {
    /// A citizen, anonymous ones included.
    pub is_citizen: bool,
    /// The citizen of this application; when creating: the applicant is the caller.
    pub is_owner: bool,
    /// A citizen whose tax code is in `related_cfs`.
    pub is_related: bool,
    /// The operator to whom the application is assigned.
    pub is_assigned_operator: bool,
    /// A member of the office to which the application is assigned.
    pub is_assigned_office_member: bool,
    /// An operator with the service enabled.
    pub is_enabled_operator: bool,
    /// A member of an office linked to the service.
    pub is_office_member: bool,
    /// A system operator (`system_user`).
    pub is_system_operator: bool,
    /// An administrator of the tenant.
    pub is_admin: bool,
    /// A service credential.
    pub is_service: bool,
    /// The platform itself: events, clock, what happens at once.
    pub is_platform: bool,
}

impl Caller {
    /// The platform itself.
    pub const PLATFORM: Self = Self {
        is_citizen: false,
        is_owner: false,
        is_related: false,
        is_assigned_operator: false,
        is_assigned_office_member: false,
        is_enabled_operator: false,
        is_office_member: false,
        is_system_operator: false,
        is_admin: false,
        is_service: false,
        is_platform: true,
    };

    /// The sets O, A, D, B, G (and so E) that the caller is in.
    #[must_use]
    pub const fn relations(&self) -> Who {
        let mut relations = Who::NOBODY;
        if self.is_owner {
            relations = relations.or(Who::OWNER);
        }
        if self.is_assigned_operator || self.is_assigned_office_member {
            relations = relations.or(Who::ASSIGNED);
        }
        if self.is_enabled_operator
            || self.is_assigned_office_member
            || self.is_office_member
            || self.is_system_operator
        {
            relations = relations.or(Who::DESK);
        }
        if self.is_enabled_operator || self.is_system_operator || self.is_admin {
            relations = relations.or(Who::BACK_OFFICE);
        }
        if self.is_system_operator || self.is_service {
            relations = relations.or(Who::GATEWAY);
        }
        if self.is_platform {
            relations = relations.or(Who::PLATFORM);
        }
        relations
    }

    /// True when `who` lets the caller in.
    #[must_use]
    pub const fn is(&self, who: Who) -> bool {
        who.admits(self.relations())
    }

    /// May see the application, its history, files, payment and the messages for the applicant.
    #[must_use]
    pub const fn may_view(&self) -> bool {
        self.is_related || self.is(Who::EDITOR.or(Who::DESK).or(Who::OWNER).or(Who::PLATFORM))
    }

    /// May see the internal messages.
    #[must_use]
    pub const fn may_see_internal(&self) -> bool {
        self.is(Who::EDITOR.or(Who::DESK))
    }

    /// May read and write the office's own data, in the states where that is possible.
    #[must_use]
    pub const fn may_see_backoffice_data(&self) -> bool {
        self.is(Who::EDITOR.never_owner())
    }

    /// May register by hand: `register*` and PATCH of protocol data.
    #[must_use]
    pub const fn may_register(&self) -> bool {
        self.is(Who::BACK_OFFICE.never_owner())
    }
}
