using System;
using System.Collections.Generic;
using Iced.Intel;

namespace Sos.Image.Verification;

/// <summary>Follows every path through one function: decodes it, checks each instruction, and bounds its use of the
/// stack.</summary>
internal sealed class FunctionWalker(ServiceImage image, CodeMap code, List<Finding> findings)
{
    private const int ReturnAddressSize = 8;

    private readonly InstructionInfoFactory _factory = new();
    private readonly Dictionary<ulong, StackState> _states = [];
    private readonly Stack<ulong> _work = new();
    private VerifiedFunction _function = null!;
    private bool _stackLost;

    /// <summary>Runs of instructions into which no branch may go, found by all functions so far.</summary>
    public List<(ulong After, ulong Last, ulong Function, string Id, string Message)> Guards { get; } = [];

    public VerifiedFunction Walk(ulong start)
    {
        _function = new VerifiedFunction(start);
        _states.Clear();
        _stackLost = false;
        Enter(start, StackState.AtEntry(), start);
        while (_work.TryPop(out ulong at))
        {
            Step(at, _states[at]);
        }

        return _function;
    }

    private void Refuse(string id, ulong rva, string message)
    {
        // Once the stack pointer is lost, all that follows in the function only repeats it.
        if (id != DiagnosticIds.StackUnknown || !_stackLost)
        {
            findings.Add(new Finding(id, rva, _function.Start, message));
        }

        _stackLost |= id == DiagnosticIds.StackUnknown;
    }

    /// <summary>Goes on at an address with what is known there; again if less is known than before.</summary>
    private void Enter(ulong rva, StackState state, ulong from)
    {
        if (!code.IsCode(rva))
        {
            Refuse(DiagnosticIds.OutOfCode, from, $"control goes to 0x{rva:x}, outside of the image's code");
            return;
        }

        if (_states.TryGetValue(rva, out StackState? known))
        {
            if (known.StackPointer is null && state.StackPointer is null)
            {
                return;
            }

            StackState joined = known.Join(state);
            if (joined.Equals(known))
            {
                return;
            }

            if (joined.StackPointer is null)
            {
                Refuse(DiagnosticIds.StackUnknown, rva,
                    "the stack pointer depends on the way by which one comes here, as with a stackalloc whose size is no constant");
            }

            state = joined;
        }

        _states[rva] = state;
        _work.Push(rva);
    }

    private void Step(ulong at, StackState state)
    {
        switch (code.Decode(at, out Instruction i))
        {
            case DecodeResult.Overlap:
                Refuse(DiagnosticIds.Overlap, at, "the instruction overlaps another");
                return;
            case DecodeResult.Disputed:
                Refuse(DiagnosticIds.Undecodable, at, "bytes that not all processors and decoders take for the same instruction");
                return;
        }

        if (InstructionRules.Check(i) is { } refusal)
        {
            Refuse(refusal.Id, at, refusal.Message);
            if (i.IsInvalid)
            {
                return;
            }
        }

        CheckFrame(i, state);
        switch (i.FlowControl)
        {
            case FlowControl.Next:
                Continue(i, state.After(i, _factory), state);
                break;
            case FlowControl.ConditionalBranch:
                Branch(i, state);
                Continue(i, state, state);
                break;
            case FlowControl.UnconditionalBranch:
                Branch(i, state);
                break;
            case FlowControl.Call:
                Call(i, state);
                Continue(i, ReturnsAtOnce(i.NearBranchTarget) ? state : state.AfterCall(), state);
                break;
            case FlowControl.IndirectCall:
                Refuse(DiagnosticIds.IndirectCall, at, "an indirect call: a virtual method, a delegate or a function pointer");
                Continue(i, state.AfterCall(), state);
                break;
            case FlowControl.IndirectBranch:
                Switch(i, state);
                break;
            case FlowControl.Return:
                Return(i, state);
                break;
            case FlowControl.Interrupt:
                Interrupt(i, state);
                break;
        }
    }

    private void Continue(in Instruction i, StackState next, StackState before)
    {
        if (next.StackPointer is { } pointer)
        {
            _function.OwnDepth = Math.Max(_function.OwnDepth, -pointer);
            if (pointer > 0)
            {
                Refuse(DiagnosticIds.CallerState, i.IP, "the stack pointer goes up into the caller's frame");
            }
        }
        else if (before.StackPointer is not null)
        {
            Refuse(DiagnosticIds.StackUnknown, i.IP,
                "the stack pointer changes by an amount that is not known before the service runs, as with a stackalloc whose size is no constant");
        }

        code.AddFallThrough(i.IP, i.NextIP);
        Enter(i.NextIP, next, i.IP);
    }

    private void Return(in Instruction i, StackState state)
    {
        if (!state.IsAtReturnAddress || i.OpCount != 0)
        {
            Refuse(DiagnosticIds.StackUnknown, i.IP, "a return with the stack pointer not where the function found it");
        }
        else if (state.FirstNotRestored() is var register and not Register.None)
        {
            Refuse(DiagnosticIds.CallerState, i.IP, $"a return with {register} not as the function found it");
        }
    }

    /// <summary>What an instruction stores relative to the frame must leave the return address alone; how far down it reaches
    /// counts as use of the stack.</summary>
    private void CheckFrame(in Instruction i, StackState state)
    {
        foreach ((StackValue at, int size, bool isWrite) in state.FrameAccesses(i, _factory))
        {
            _function.OwnDepth = Math.Max(_function.OwnDepth, -at.Number);
            if (isWrite && at.Number < ReturnAddressSize && at.Number + at.Slack + size > 0)
            {
                Refuse(DiagnosticIds.CallerState, i.IP, "the return address is overwritten");
            }
        }
    }

    private void Branch(in Instruction i, StackState state)
    {
        code.AddBranchTarget(i.NearBranchTarget);
        Enter(i.NearBranchTarget, state, i.IP);
    }

    private void Call(in Instruction i, StackState state)
    {
        if (!code.IsCode(i.NearBranchTarget))
        {
            Refuse(DiagnosticIds.OutOfCode, i.IP, $"a call to 0x{i.NearBranchTarget:x}, outside of the image's code");
            return;
        }

        code.AddBranchTarget(i.NearBranchTarget);
        _function.Calls.Add(new CallSite(i.IP, i.NearBranchTarget, 8 - (state.StackPointer ?? 0)));
    }

    /// <summary>
    /// Whether a called function is nothing but a return, so that it changes no register: the probe of a large frame, which
    /// comes between the computation of its end in R11 and the change of the stack pointer.
    /// </summary>
    private bool ReturnsAtOnce(ulong function) => image.BytesAt(function) is [0xc3, ..];

    private void Switch(in Instruction i, StackState state)
    {
        ulong[]? targets = JumpTable.Find(code, image, i, out ulong guard);
        if (targets is null)
        {
            Refuse(DiagnosticIds.IndirectJump, i.IP, "an indirect jump of which the targets cannot be proven");
            return;
        }

        Guards.Add((guard, i.IP, _function.Start, DiagnosticIds.IndirectJump, "a branch goes past the bounds check of a switch"));
        foreach (ulong target in targets)
        {
            code.AddBranchTarget(target);
            Enter(target, state, i.IP);
        }
    }

    /// <summary>"mov eax, function; int 0x20" is the gate; INT3 ends a path; any other was refused with the
    /// instruction.</summary>
    private void Interrupt(in Instruction i, StackState state)
    {
        if (i.Mnemonic != Mnemonic.Int)
        {
            return;
        }

        bool isGate = code.TryGetPrevious(i.IP, out Instruction load) && load.Code == Iced.Intel.Code.Mov_r32_imm32
            && load.Op0Register == Register.EAX && load.Immediate32 <= 1;
        if (!isGate && i.Immediate8 == InstructionRules.GateVector)
        {
            Refuse(DiagnosticIds.SystemCall, i.IP, "an interrupt to the gate that does not load a function number right before");
        }

        Guards.Add((isGate ? load.IP : i.IP, i.IP, _function.Start, DiagnosticIds.SystemCall,
            "a branch goes between the gate and its function number"));
        Continue(i, state, state);
    }
}
