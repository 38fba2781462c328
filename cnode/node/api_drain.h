// supervisorring:drain/0,1, cordon/0 and uncordon/0: this member hands its children over and owns none (draining.h), or keeps them and gets no new ones (cordoning.h), until it is
// told otherwise.
//
// drain([{rate, MovesASecond}]) answers ok at once, or {error, Why}, Why as Draining::drain says; a second call changes the rate. cordon() answers ok, or
// {error, Why}, Why as Cordoning::cordon says. uncordon() answers ok.
#pragma once

#include <memory>

#include "node/node.h"
#include "node/sup_shared.h"

namespace supervisorring {

void define_drain(Node&, std::shared_ptr<SupervisionState>);

}  // namespace supervisorring
