"""The procedures that steer an execution: each sends it one command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from chaingraph.api import inputs, service
from chaingraph.api.admission import Admission
from chaingraph.execution.principals import Principal, Scope
from chaingraph.trpc.router import Procedure, Router

Given = TypeVar("Given", bound=inputs.OnExecution)
Send = Callable[[Principal, Given], Awaitable[None]]
_DONE: Final = {"success": True}


def steering(service: service.Steering, admission: Admission) -> Router:
    """The procedures by name."""
    calls, steer = _Steering(service), admission.to_execution(Scope.RUN)

    def mutation(model: type[Given], send: Send[Given]) -> Procedure:
        return Procedure("mutation", model.model_validate, _done(send), steer)

    return {
        "start": mutation(inputs.Command, calls.start),
        "stop": mutation(inputs.Stop, calls.stop),
        "pause": mutation(inputs.Pause, calls.pause),
        "resume": mutation(inputs.Resume, calls.resume),
        "step": mutation(inputs.Command, calls.step),
        "setBreakpoints": mutation(inputs.SetBreakpoints, calls.set_breakpoints),
        # Who is asked for an answer need not own the execution.
        "sendSignal": Procedure(
            "mutation",
            inputs.SendSignal.model_validate,
            _done(calls.send_signal),
            admission.anybody(Scope.ANSWER),
        ),
    }


def _done(send: Send[Given]) -> Callable[[Principal, Given], Awaitable[Mapping[str, bool]]]:
    async def handle(caller: Principal, given: Given) -> Mapping[str, bool]:
        await send(caller, given)
        return _DONE

    return handle


@dataclass(frozen=True, slots=True)
class _Steering:
    service: service.Steering

    async def start(self, caller: Principal, given: inputs.Command) -> None:
        await self.service.start(caller, given.execution_id, command_id=given.command_id)

    async def stop(self, caller: Principal, given: inputs.Stop) -> None:
        await self.service.stop(
            caller, given.execution_id, reason=given.reason, command_id=given.command_id
        )

    async def pause(self, caller: Principal, given: inputs.Pause) -> None:
        await self.service.pause(
            caller,
            given.execution_id,
            reason=given.reason,
            tree=given.tree,
            now=given.now,
            command_id=given.command_id,
        )

    async def resume(self, caller: Principal, given: inputs.Resume) -> None:
        await self.service.resume(
            caller, given.execution_id, tree=given.tree, command_id=given.command_id
        )

    async def step(self, caller: Principal, given: inputs.Command) -> None:
        await self.service.step(caller, given.execution_id, command_id=given.command_id)

    async def set_breakpoints(self, caller: Principal, given: inputs.SetBreakpoints) -> None:
        await self.service.set_breakpoints(
            caller, given.execution_id, given.as_json(), command_id=given.command_id
        )

    async def send_signal(self, caller: Principal, given: inputs.SendSignal) -> None:
        await self.service.signal(
            caller, given.execution_id, given.name, given.value, command_id=given.command_id
        )
