//! What an lcore does to its own tables when a change comes, and how it takes it back.
//!
//! Invariant: a change is made as a whole or not at all. An undo names the order whose change it is
//! about, so that it does nothing where that change was not made, and nothing a second time.
//! Not here: what is checked and which steps there are (`change.rs`).

use super::Lcore;
use crate::change::{self, Change, Edit};
use crate::control::Refused;
use crate::ipv4::reassembly;
use crate::job::Role;
use crate::neigh;
use crate::packet::Buf;
use crate::path;
use crate::planted::Defect;
use crate::types::PortId;
use crate::world::{NeighChange, World};

/// The last change that an lcore made.
#[derive(Debug, Default)]
pub(super) struct LastChange {
    /// The number of the order that it was for.
    order: u64,
    /// What undoes it, in the order in which it was done.
    undo: Vec<Edit>,
}

impl<B: Buf> Lcore<B> {
    /// Makes the change of an order.
    pub(super) fn change<W: World<Buf = B>>(
        &mut self,
        order: u64,
        change: &Change,
        world: &mut W,
    ) -> Result<(), Refused> {
        let mut undo = Vec::new();
        let made = self.make(change, &mut undo, world);
        match made {
            Ok(()) => self.last_change = LastChange { order, undo },
            Err(_) => self.take_back(undo, world),
        }
        made
    }

    /// Undoes the change of an order, if it is the last one that was made.
    pub(super) fn undo<W: World<Buf = B>>(&mut self, order: u64, world: &mut W) {
        let forgets = self.planted.is(Defect::UndoForgotten);
        if self.last_change.order == order && !forgets {
            let undo = std::mem::take(&mut self.last_change).undo;
            self.take_back(undo, world);
        }
    }

    fn make<W: World<Buf = B>>(
        &mut self,
        change: &Change,
        undo: &mut Vec<Edit>,
        world: &mut W,
    ) -> Result<(), Refused> {
        for edit in change.edits(&self.devices, &self.tables.routes)? {
            self.edit(edit, undo, world)?;
        }
        if let Change::Config(_, changes) = change {
            let half = self.role == Role::Worker && self.planted.is(Defect::ReloadHalf);
            let changes = if half { &changes[..changes.len() / 2] } else { &changes[..] };
            changes.iter().try_for_each(|change| self.make(change, undo, world))?;
        }
        Ok(())
    }

    fn take_back<W: World<Buf = B>>(&mut self, undo: Vec<Edit>, world: &mut W) {
        for edit in undo.into_iter().rev() {
            // What was there before finds room again.
            let _ = self.edit(edit, &mut Vec::new(), world);
        }
    }

    fn edit<W: World<Buf = B>>(
        &mut self,
        edit: Edit,
        undo: &mut Vec<Edit>,
        world: &mut W,
    ) -> Result<(), Refused> {
        match edit {
            Edit::SetNeighbour(change) => self.set_neighbour(change, undo, world),
            Edit::FlushNeighbours(dev) => {
                self.flush_neighbours(dev, undo, world);
                Ok(())
            }
            Edit::RemoveRoute { .. } if self.keeps_routes() => Ok(()),
            edit => {
                let (devices, routes) = (&mut self.devices, &mut self.tables.routes);
                undo.push(change::make(edit, devices, routes, &mut self.policy));
                Ok(())
            }
        }
    }

    /// Whether it is the last worker, and the defect of keeping deleted routes is planted.
    fn keeps_routes(&self) -> bool {
        let last = self.role == Role::Worker && self.peers.iter().all(|peer| *peer < self.id);
        last && self.planted.is(Defect::RouteKeptByOne)
    }

    /// Sets or deletes a static neighbour. Only workers have neighbours (DPVS: the master too,
    /// whose neighbours nobody answers and no timer ends, defect B09).
    fn set_neighbour<W: World<Buf = B>>(
        &mut self,
        change: NeighChange,
        undo: &mut Vec<Edit>,
        world: &mut W,
    ) -> Result<(), Refused> {
        if self.role != Role::Worker {
            return Ok(());
        }
        let before = self.with_env(world, |tables, env, next| {
            let before = neigh::change(&mut tables.neigh, change, env, next);
            path::run(tables, env, next);
            before
        })?;
        if before.is_some() || change.mac.is_some() {
            undo.push(Edit::SetNeighbour(NeighChange { mac: before, ..change }));
        }
        Ok(())
    }

    /// Forgets whom it knows on the link of a device, and what it holds that came from there. Those that were set can be set again; who was
    /// found out has to be asked again.
    fn flush_neighbours<W: World<Buf = B>>(
        &mut self,
        dev: PortId,
        undo: &mut Vec<Edit>,
        world: &mut W,
    ) {
        if self.planted.is(Defect::GoneDeviceNeighbours) {
            return;
        }
        let set = self.with_env(world, |tables, env, _| {
            reassembly::forget(&mut tables.reassembly, dev, env);
            neigh::flush(&mut tables.neigh, dev, env)
        });
        undo.extend(set.into_iter().map(Edit::SetNeighbour));
    }
}
