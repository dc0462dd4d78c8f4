using System;
using System.Collections.Generic;
using Sos.Fuzz.Processor;
using Sos.Image.Verification;
using Xunit;

namespace Sos.Fuzz.Tests;

/// <summary>The verifier's transfer functions beside the processor of this machine: a short run, the same each time.</summary>
public sealed class ProcessorTests
{
    private const ulong Seed = 20070612;

    [Fact]
    public void TheProcessorDoesWhatTheVerifierSays()
    {
        ProcessorResult result = new ProcessorFuzz(Seed).Run(share: 400, steps: 20_000, programs: 300);

        // What hardly runs, or is hardly ever accepted, would show little.
        Assert.InRange(result.Forms, 500, result.Allowed);
        Assert.InRange(result.Steps, 20_000, long.MaxValue);
        Assert.InRange(result.Faults, 0, result.Steps);
        Assert.InRange(result.Accepted, 300, 300 + Environment.ProcessorCount);
        Assert.InRange(result.ProgramSteps, 300 * 5, long.MaxValue);
    }

    [Fact]
    public void AFalseStatementIsNoticed()
    {
        using SteppedProcess process = new();
        UserRegisters registers = process.Template;
        ulong frame = SteppedProcess.ArenaAt + 4096;
        (registers.Rsp, registers.Rax, registers.Rbx, registers.Rcx) = (frame, 0x1_0000_0003, 77, 3);
        ulong[] saved = new ulong[16];
        saved[3] = 77;
        Value[] values = new Value[16];
        values[4] = Value.Stack(0);
        values[3] = Value.Saved(3);
        Concretion concretion = new(frame, 0, saved, null);
        Assert.Null(concretion.Contradiction(MachineState.Of(values, new Dictionary<long, Value>(), Comparison.None), ref registers, process));

        foreach ((int register, Value value) in ((int, Value)[])
        [
            (0, Value.AtMost(3)), (0, Value.Extended()), (0, Value.Stack(0)), (0, Value.Image(3)), (0, Value.Saved(3)), (3, Value.Saved(5)),
            (1, Value.AtMost(2)), (4, Value.Stack(-8)), (4, Value.Stack(-8, 7)),
        ])
        {
            Value[] wrong = [.. values];
            wrong[register] = value;
            Assert.NotNull(concretion.Contradiction(MachineState.Of(wrong, new Dictionary<long, Value>(), Comparison.None), ref registers, process));
        }

        Dictionary<long, Value> slot = new() { [8] = Value.Saved(3) };
        Assert.NotNull(concretion.Contradiction(MachineState.Of(values, slot, Comparison.None), ref registers, process));
        registers.Flags &= ~0x41UL;
        Assert.NotNull(concretion.Contradiction(
            MachineState.Of(values, new Dictionary<long, Value>(), new Comparison(1, 0, 4, false)), ref registers, process));
    }

    [Fact]
    public void AnInstructionRunsInAProcessOfItsOwn()
    {
        using SteppedProcess process = new();
        byte[] code = [0x48, 0x01, 0xd8, 0x0f, 0x0b];
        code.CopyTo(process.Code);
        UserRegisters registers = process.Template;
        (registers.Rip, registers.Rax, registers.Rbx) = (SteppedProcess.CodeAt, 40, 2);

        Assert.True(process.Step(ref registers));
        Assert.Equal((42UL, SteppedProcess.CodeAt + 3), (registers.Rax, registers.Rip));
        Assert.False(process.Step(ref registers));
        Assert.Equal(SteppedProcess.CodeAt + 3, registers.Rip);
    }
}
