using System;
using System.Collections.Generic;
using Iced.Intel;
using Sos.Image.Verification.Forms;

namespace Sos.Image.Verification;

/// <summary>Follows every path through one function: decodes it, checks each instruction, and bounds its use of the
/// stack.</summary>
/// <param name="image">The image.</param>
/// <param name="code">Its code.</param>
/// <param name="budget">How far it is followed.</param>
/// <param name="argumentBytesOf">How many bytes above its return address a called function may write.</param>
/// <param name="keepStates">Whether what is known at each instruction is kept.</param>
internal sealed class FunctionWalker(ServiceImage image, CodeMap code, WalkBudget budget, Func<ulong, long> argumentBytesOf, bool keepStates)
{
    private const int ReturnAddressSize = InstructionAccess.WordSize;

    /// <summary>The gate's functions are 0, 1 and 2.</summary>
    private const uint GateFunctions = 3;

    private readonly Stack<ulong> _work = new();
    private readonly Dictionary<ulong, ulong[]> _switches = [];
    private readonly HashSet<(string Id, ulong Rva)> _refused = [];
    private Dictionary<ulong, MachineState> _states = [];
    private VerifiedFunction _function = null!;
    private bool _stackLost;

    public VerifiedFunction Walk(ulong start)
    {
        _states = [];
        _switches.Clear();
        _refused.Clear();
        _function = keepStates ? new VerifiedFunction(start) { States = _states } : new VerifiedFunction(start);
        _stackLost = false;
        budget.BeginFunction();
        Enter(start, MachineState.AtEntry(), start);
        while (budget.Exceeded is null && _work.TryPop(out ulong at))
        {
            Step(at, _states[at]);
        }

        return _function;
    }

    /// <summary>The entry was not called: above its first stack pointer nothing is mapped, and no one waits for its return.</summary>
    private bool IsEntry => _function.Start == image.Entry;

    private void Refuse(string id, ulong rva, string message)
    {
        // Once the stack pointer is lost, all that follows in the function only repeats it.
        if ((id != DiagnosticIds.StackUnknown || !_stackLost) && _refused.Add((id, rva)))
        {
            budget.Find();
            _function.Findings.Add(new Finding(id, rva, _function.Start, message));
        }

        _stackLost |= id == DiagnosticIds.StackUnknown;
    }

    /// <summary>Goes on at an address with what is known there; again if less is known than before.</summary>
    private void Enter(ulong rva, MachineState state, ulong from)
    {
        if (!code.IsCode(rva))
        {
            Refuse(DiagnosticIds.OutOfCode, from, $"control goes to 0x{rva:x}, outside of the image's code");
            return;
        }

        budget.Visit(state.Slots.Count);
        if (_states.TryGetValue(rva, out MachineState? known))
        {
            if (!IsKnown(known.StackPointer) && !IsKnown(state.StackPointer))
            {
                return;
            }

            MachineState joined = known.Join(state, isLoop: false);
            if (joined.Equals(known))
            {
                return;
            }

            if (joined.HasHulls && Leads(rva, from))
            {
                joined = known.Join(state, isLoop: true);
            }

            if (!IsKnown(joined.StackPointer))
            {
                Refuse(DiagnosticIds.StackUnknown, rva,
                    "the stack pointer depends on the way by which one comes here, as with a stackalloc whose size is no constant");
            }

            state = joined;
        }
        else
        {
            budget.Keep(state.Slots.Count);
        }

        _states[rva] = state;
        _work.Push(rva);
    }

    /// <summary>Whether control goes from one instruction to another, over those of the function that were reached so far.</summary>
    private bool Leads(ulong from, ulong to)
    {
        HashSet<ulong> seen = [from];
        Stack<ulong> open = new(seen);
        while (open.TryPop(out ulong at) && at != to)
        {
            foreach (ulong next in Successors(at))
            {
                if (_states.ContainsKey(next) && seen.Add(next))
                {
                    open.Push(next);
                }
            }
        }

        budget.Look(seen.Count);
        return seen.Contains(to);
    }

    /// <summary>The instructions of the function that may come after one that was reached.</summary>
    private ulong[] Successors(ulong at)
    {
        Instruction i = code.Decode(at).Instruction;
        return i.FlowControl switch
        {
            FlowControl.Next or FlowControl.Call or FlowControl.IndirectCall or FlowControl.Interrupt => [i.NextIP],
            FlowControl.ConditionalBranch => [i.NextIP, i.NearBranchTarget],
            FlowControl.UnconditionalBranch => [i.NearBranchTarget],
            FlowControl.IndirectBranch => _switches.GetValueOrDefault(at) ?? [],
            _ => [],
        };
    }

    private static bool IsKnown(Value stackPointer) => stackPointer.Kind == ValueKind.Stack;

    private void Step(ulong at, MachineState state)
    {
        CodeInstruction decoded = code.Decode(at);
        Instruction i = decoded.Instruction;
        if (decoded.Refusal is { } refusal)
        {
            Refuse(refusal.Id, at, refusal.Message);
            if (i.IsInvalid || refusal.Id is DiagnosticIds.Overlap or DiagnosticIds.Undecodable)
            {
                return;
            }
        }

        MachineState after = state.Copy();
        Effect effect = decoded.Refusal is null ? decoded.Effect : Effect.Refused;
        if (effect != Effect.Refused)
        {
            CheckFrame(i, effect, state);
        }

        Follow(i, effect, state, after);
    }

    /// <summary>Goes on where control can go. What is refused is followed too, as if it changed nothing, to tell more of the rest.</summary>
    private void Follow(in Instruction i, Effect effect, MachineState state, MachineState after)
    {
        switch (i.FlowControl)
        {
            case FlowControl.Next:
                if (effect != Effect.Refused)
                {
                    after.Execute(i, effect);
                }

                Continue(i, after, state);
                break;
            case FlowControl.ConditionalBranch:
                MachineState taken = after.Copy();
                taken.Assume(i.ConditionCode, holds: true);
                after.Assume(i.ConditionCode, holds: false);
                Enter(i.NearBranchTarget, taken, i.IP);
                Continue(i, after, state);
                break;
            case FlowControl.UnconditionalBranch:
                Enter(i.NearBranchTarget, after, i.IP);
                break;
            case FlowControl.Call:
                Call(i, state, after);
                Continue(i, after, state);
                break;
            case FlowControl.IndirectCall:
                after.ReturnFromCall(0);
                Continue(i, after, state);
                break;
            case FlowControl.IndirectBranch:
                Switch(i, effect, state);
                break;
            case FlowControl.Return:
                Return(i, state);
                break;
            case FlowControl.Interrupt:
                Interrupt(i, state, after);
                break;
        }
    }

    private void Continue(in Instruction i, MachineState next, MachineState before)
    {
        Value pointer = next.StackPointer;
        if (IsKnown(pointer))
        {
            _function.UseStack(-pointer.At);
            if (pointer.At + pointer.Extra > 0)
            {
                Refuse(DiagnosticIds.CallerState, i.IP, "the stack pointer goes up into the caller's frame");
            }
        }
        else if (IsKnown(before.StackPointer))
        {
            Refuse(DiagnosticIds.StackUnknown, i.IP,
                "the stack pointer changes by an amount that is not known before the service runs, as with a stackalloc whose size is no constant");
        }

        Enter(i.NextIP, next, i.IP);
    }

    private void Return(in Instruction i, MachineState state)
    {
        if (IsEntry)
        {
            Refuse(DiagnosticIds.CallerState, i.IP, "the entry returns, and nothing called it");
        }
        else if (state.StackPointer != Value.Stack(0) || i.OpCount != 0)
        {
            Refuse(DiagnosticIds.StackUnknown, i.IP, "a return with the stack pointer not where the function found it");
        }
        else if (state.FirstNotRestored() is var register and not Register.None)
        {
            Refuse(DiagnosticIds.CallerState, i.IP, $"a return with {register} not as the function found it");
        }
    }

    /// <summary>
    /// Checks what an instruction stores relative to the frame: it must leave the return address alone. How far down an access reaches
    /// counts as use of the stack, how far up a store reaches is for the caller to allow.
    /// </summary>
    private void CheckFrame(in Instruction i, Effect effect, MachineState state)
    {
        Span<FrameAccess> accesses = stackalloc FrameAccess[2];
        int count = state.FrameAccesses(i, effect, accesses);
        foreach (FrameAccess access in accesses[..count])
        {
            _function.UseStack(-access.At.At);
            if (access.IsWrite)
            {
                CheckFrameWrite(i.IP, access);
            }
        }
    }

    private void CheckFrameWrite(ulong rva, FrameAccess access)
    {
        long end = access.At.At + access.At.Extra + access.Size;
        if (access.Size < 0)
        {
            Refuse(DiagnosticIds.CallerState, rva, "the frame is overwritten, and how far is not known");
        }
        else if (end > 0 && IsEntry)
        {
            Refuse(DiagnosticIds.CallerState, rva, "the entry writes above its stack");
        }
        else if (end > 0 && access.At.At < ReturnAddressSize)
        {
            Refuse(DiagnosticIds.CallerState, rva, "the return address is overwritten");
        }
        else
        {
            _function.WriteArguments(end - ReturnAddressSize);
        }
    }

    private void Call(in Instruction i, MachineState state, MachineState after)
    {
        ulong target = i.NearBranchTarget;
        if (!code.IsCode(target))
        {
            Refuse(DiagnosticIds.OutOfCode, i.IP, $"a call to 0x{target:x}, outside of the image's code");
            after.ReturnFromCall(0);
            return;
        }

        Value pointer = state.StackPointer;
        _function.Calls.Add(new CallSite(i.IP, target, ReturnAddressSize - (IsKnown(pointer) ? pointer.At : 0)));
        if (ReturnsAtOnce(target))
        {
            after.ReturnAtOnce();
            return;
        }

        long arguments = argumentBytesOf(target);
        if (IsKnown(pointer) && arguments > 0 && pointer.At + pointer.Extra + arguments > 0)
        {
            Refuse(DiagnosticIds.CallerState, i.IP, "the called function writes as many bytes of arguments as reach this function's return address");
        }

        after.ReturnFromCall(arguments);
    }

    /// <summary>
    /// Whether a called function is nothing but a return, so that it changes no register: the probe of a large frame, which
    /// comes between the computation of its end in R11 and the change of the stack pointer.
    /// </summary>
    private bool ReturnsAtOnce(ulong function) => image.BytesAt(function) is [0xc3, ..];

    private void Switch(in Instruction i, Effect effect, MachineState state)
    {
        Value target = effect == Effect.Switch && i.Op0Kind == OpKind.Register
            ? state.Registers[InstructionAccess.Index(i.Op0Register)] : Value.Unknown;
        if (JumpTable.TargetsOf(image, target) is not { } targets)
        {
            Refuse(DiagnosticIds.IndirectJump, i.IP, "an indirect jump of which the targets cannot be proven");
            return;
        }

        _switches[i.IP] = targets;
        budget.Look(target.Below);
        foreach (ulong next in targets)
        {
            Enter(next, state, i.IP);
        }
    }

    /// <summary>An interrupt is the gate, with a function's number in RAX; INT3 ends a path; any other was refused with the
    /// instruction.</summary>
    private void Interrupt(in Instruction i, MachineState state, MachineState after)
    {
        if (i.Mnemonic != Mnemonic.Int)
        {
            return;
        }

        if (i.Immediate8 == InstructionRules.GateVector
            && state.Registers[InstructionAccess.Rax].FullBelow is 0 or > GateFunctions)
        {
            Refuse(DiagnosticIds.SystemCall, i.IP, "an interrupt to the gate that does not load a function number before");
        }

        after.ReturnFromCall(0);
        Continue(i, after, state);
    }
}
