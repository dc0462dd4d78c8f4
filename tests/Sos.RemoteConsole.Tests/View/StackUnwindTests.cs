using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Sos.RemoteConsole.Commands;
using Sos.RemoteConsole.Control.Linux;
using Sos.RemoteConsole.View;
using Sos.Sdk.Control;
using Xunit;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>
/// Stacks that the kernel's own tables unwind: of tasks that sleep and of CPUs that stored their registers, through interrupts, modules and generated code;
/// and what becomes of tables and stacks that were overwritten.
/// </summary>
public sealed class StackUnwindTests : IDisposable
{
    private const ulong KernelCode = 0x10;
    private const ulong UserCode = 0x33;
    private const uint Cpus = 4;

    private static readonly ulong Code = SyntheticLinux.Image(0x8000);

    private readonly SyntheticLinux _linux = new();
    private readonly SyntheticTasks _tasks;
    private readonly SyntheticPanic _panic;
    private readonly ulong _stack;

    public StackUnwindTests()
    {
        _tasks = new SyntheticTasks(_linux);
        _panic = new SyntheticPanic(_linux, Cpus);
        _stack = _linux.Allocate(16 << 10, 16 << 10);
        string[] functions = ["schedule", "io_wait", "kthread", "ret_from_fork", "handler", "common_interrupt", "asm_interrupt", "aligned", "unknown"];
        for (int i = 0; i < functions.Length; i++)
        {
            _linux.AddFunction(Code + ((ulong)i * 0x100), functions[i]);
        }

        (LinuxField Field, long Value)[] values =
        [
            (LinuxField.CpuIds, unchecked((long)SyntheticLinux.Image(0x100))), (LinuxField.PerCpuOffset, unchecked((long)SyntheticLinux.Image(0x200))),
            (LinuxField.RunQueues, unchecked((long)SyntheticLinux.Image(0x300))), (LinuxField.RunQueueCurrent, 8),
        ];
        foreach ((LinuxField field, long value) in values)
        {
            _linux.Values[field] = value;
        }

        _linux.Write(SyntheticLinux.Image(0x100), Cpus);
    }

    public void Dispose() => _linux.Dispose();

    [Theory]
    [InlineData(true, OrcEntry.FirstOrder)]
    [InlineData(false, OrcEntry.FirstOrder)]
    [InlineData(false, OrcEntry.SecondOrder)]
    public void ATaskThatSleepsIsUnwound(bool isOld, long order)
    {
        Fill(new SyntheticOrc(_linux, isOld, order)).Write();
        ulong task = Sleep(9);
        using ViewShell shell = new(_linux);
        Assert.Equal(["table schedule 0x20", "table io_wait 0x20", "table kthread 0x20", "table ret_from_fork 0x10"], Rows(shell, "stack --json 9"));
        Assert.DoesNotContain("guess", shell.Run("stack 9"), StringComparison.Ordinal);
        Assert.Equal(0u, shell.Status);

        // A thread is found as a process is.
        ulong thread = _tasks.AddThread(_tasks.Add(20, "server"), 21, "worker", SyntheticTasks.WaitsForDisk);
        _linux.Write(thread + 0x70, _stack);
        _linux.Write(thread + 0x78, _stack + 0x3000);
        Assert.Equal(4, Rows(shell, "stack --json 21").Length);
        Assert.Contains("no process or thread", shell.Run("stack 22"), StringComparison.Ordinal);

        // One that runs meanwhile has another stack by then.
        shell.Meanwhile = step => _linux.Write(task + 0x78, _stack + 0x100);
        Assert.Contains("ran meanwhile", shell.Run("stack 9"), StringComparison.Ordinal);
        Assert.Equal(CommandRun.Failure, shell.Status);
    }

    [Fact]
    public void ATaskThatNeverRanIsAtItsFirstFunction()
    {
        Fill(new SyntheticOrc(_linux)).Write();
        _linux.Values[LinuxField.ForkReturn] = unchecked((long)(Code + 0x300));
        ulong task = _tasks.Add(9, "new");
        _linux.Write(task + 0x70, _stack);
        _linux.Write(task + 0x78, _stack + 0x3000);
        _linux.Write(_stack + 0x3030, Code + 0x300);
        using ViewShell shell = new(_linux);
        Assert.Equal(["table ret_from_fork 0x0"], Rows(shell, "stack --json 9"));
    }

    [Theory]
    [InlineData(true, OrcEntry.FirstOrder)]
    [InlineData(false, OrcEntry.SecondOrder)]
    public void ACpuInAnInterruptIsUnwoundToWhatItInterrupted(bool isOld, long order)
    {
        Fill(new SyntheticOrc(_linux, isOld, order)).Write();
        CpuRegistersLayout registers = Interrupted(UserCode);
        using ViewShell shell = new(_linux, _panic);
        _panic.Store(2, registers);
        string[] expected =
        [
            "table handler 0x10", "table common_interrupt 0x20", "table asm_interrupt 0x20", "table io_wait 0x30", "table kthread 0x20",
            "table asm_interrupt 0x28",
        ];
        Assert.Equal(expected, Rows(shell, "stack --json --cpu 2"));

        // By the process that the CPU runs it is the same.
        ulong task = _tasks.Add(9, "runs");
        _linux.Write(task + 0x70, _stack);
        _linux.Write(task + 0x3c, 1);
        _linux.Write(task + 0x50, 2);
        Assert.Equal(expected, Rows(shell, "stack --json 9"));

        _panic.Store(2, registers with { Cs = UserCode });
        Assert.Contains("in the program itself", shell.Run("stack --cpu 2"), StringComparison.Ordinal);
        Assert.Empty(Rows(shell, "stack --json --cpu 2"));
        Assert.Contains("no such CPU", shell.Run("stack --cpu 4"), StringComparison.Ordinal);
    }

    [Fact]
    public void RegistersThatACpuHoldsAreUsedForItsInnermostFunction()
    {
        SyntheticOrc orc = Fill(new SyntheticOrc(_linux));
        orc.Add(Code + 0x700, OrcKind.Call, OrcBase.R10, 0);
        orc.Write();
        CpuRegistersLayout registers = new() { Sequence = 2, Flags = CpuRegistersLayout.AtPanic, Rip = Code + 0x710, Rsp = _stack + 0x2000, Cs = KernelCode };
        registers.Registers[9] = _stack + 0x3010;
        _linux.Write(_stack + 0x3008, Code + 0x310);
        using ViewShell shell = new(_linux, _panic);
        _panic.Store(0, registers);
        Assert.Equal(["table aligned 0x10", "table ret_from_fork 0x10"], Rows(shell, "stack --cpu 0 --json"));
    }

    [Fact]
    public void WhereTablesEndTheRestIsMarkedAsAGuess()
    {
        Fill(new SyntheticOrc(_linux)).Write();
        _ = Sleep(9);
        _linux.Write(_stack + 0x3058, Code + 0x820); // schedule's caller, of which nothing is known
        _linux.Write(Code + 0x21b, (ReadOnlySpan<byte>)[0xe8, 1, 2, 3, 4]); // the call that returns to kthread+0x20
        using ViewShell shell = new(_linux);
        Assert.Equal(["table schedule 0x20", "table unknown 0x20", "guess kthread 0x20"], Rows(shell, "stack --json 9"));
        Assert.Contains("what follows is a guess", shell.Run("stack 9"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ModulesHaveTablesOfTheirOwn(bool isOld)
    {
        const ulong Module = 0xffff_ffff_c000_0000;
        Fill(new SyntheticOrc(_linux)).Write();
        _linux.AddFunction(Module + 0x100, "module_wait");
        SyntheticOrc orc = new(_linux);
        orc.Add(Module, OrcKind.Call);
        orc.Add(Module + 0x100, OrcKind.Call, OrcBase.Stack, 0x10);
        ulong tables = SyntheticLinux.Image(0x4_0000);
        orc.Write(tables, tables + 0x100);
        ulong module = AddModules(isOld, Module);
        _linux.Write(module + 0x20, orc.Count);
        _linux.Write(module + 0x28, tables);
        _linux.Write(module + 0x30, tables + 0x100);
        _ = Sleep(9);
        _linux.Write(_stack + 0x3058, Module + 0x120);
        _linux.Write(_stack + 0x3068, Code + 0x310);
        using ViewShell shell = new(_linux);
        string[] expected = ["table schedule 0x20", "table module_wait 0x20", "table ret_from_fork 0x10"];
        Assert.Equal(expected, Rows(shell, "stack --json 9"));

        // A program of BPF lies in no module and keeps a frame pointer; what it leads to is marked.
        _linux.Write(_stack + 0x3058, Module + 0x20_0000);
        Assert.Equal(["table schedule 0x20", "table ? 0x0", "guess kthread 0x20", "guess ret_from_fork 0x10"], Rows(shell, "stack --json 9"));

        // A list that is torn leads nowhere.
        _linux.Write(SyntheticLinux.Image(0x900), 0UL);
        Assert.Contains("lead no further", shell.Run("stack 9"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-16)]
    [InlineData(4)]
    public void AStackThatLeadsInCirclesEnds(int offset)
    {
        SyntheticOrc orc = Fill(new SyntheticOrc(_linux));
        orc.Add(Code + 0x10, OrcKind.Call, OrcBase.Stack, offset);
        orc.Write();
        _ = Sleep(9);
        _linux.Write(_stack + 0x3030, Code + 0x20);
        _linux.Write(_stack + 0x3020, Code + 0x20);
        using ViewShell shell = new(_linux);
        Assert.Contains("lead no further", shell.Run("stack 9"), StringComparison.Ordinal);
    }

    [Fact]
    public void TwoStacksThatLeadToEachOtherEnd()
    {
        SyntheticOrc orc = Fill(new SyntheticOrc(_linux));
        orc.Add(Code + 0x10, OrcKind.Call, OrcBase.AtStack, 8);
        orc.Write();
        _ = Sleep(9);
        ulong other = _linux.Allocate(16 << 10, 16 << 10);
        ulong here = _stack + 0x3038;
        _linux.Write(here, other);
        _linux.Write(other, Code + 0x20);
        _linux.Write(other + 8, here - 8);
        _linux.Write(here - 8, Code + 0x20);
        using ViewShell shell = new(_linux);
        string[] lines = shell.Run("stack 9").Split('\n');
        Assert.InRange(lines.Count(line => line.Contains("table", StringComparison.Ordinal)), 100, 300);
        Assert.Contains(lines, line => line.Contains("lead no further", StringComparison.Ordinal));
    }

    [Fact]
    public void DamagedTablesAndStacksMakeNoFaultAndEnd()
    {
        Random random = new(15);
        Fill(new SyntheticOrc(_linux)).Write();
        _ = Sleep(9);
        CpuRegistersLayout registers = Interrupted(KernelCode);
        _ = AddModules(isOld: false, 0xffff_ffff_c000_0000);
        byte[] image = _linux.At(SyntheticLinux.Image(0), 0x4_1000).ToArray();
        byte[] stack = _linux.At(_stack, 16 << 10).ToArray();
        using ViewShell shell = new(_linux, _panic);
        _panic.Store(2, registers);
        for (int i = 0; i < 1500; i++)
        {
            for (int changes = random.Next(1, 8); changes > 0; changes--)
            {
                // Tables, entries, the list of modules, the stacks: a byte, or a pointer to somewhere near.
                ulong place = random.Next(4) switch
                {
                    0 => SyntheticLinux.Image(0x2_0000 + (ulong)random.Next(0x80)),
                    1 => SyntheticLinux.Image(0x3_0000 + (ulong)random.Next(0xc0)),
                    2 => SyntheticLinux.Image(0x900 + (ulong)random.Next(16)),
                    _ => _stack + (ulong)random.Next(0x2000, 0x3ff8),
                };
                if (random.Next(2) == 0)
                {
                    _linux.Write(place, (byte)random.Next());
                }
                else
                {
                    _linux.Write(place & ~7UL, random.Next(2) == 0 ? _stack + (ulong)random.Next(0x4000) : Code + (ulong)random.Next(0x900));
                }
            }

            foreach (string line in new[] { "stack 9", "stack --cpu 2" })
            {
                Assert.InRange(shell.Run(line).Split('\n').Length, 2, 4096);
            }

            image.CopyTo(_linux.At(SyntheticLinux.Image(0), image.Length));
            stack.CopyTo(_linux.At(_stack, stack.Length));
        }
    }

    [Theory]
    [InlineData(OrcEntry.FirstOrder)]
    [InlineData(OrcEntry.SecondOrder)]
    public void TheOrderOfRegistersIsFoundAtTheFirstInstructionsOfFunctions(long order)
    {
        SyntheticOrc orc = Fill(new SyntheticOrc(_linux, order: order));
        orc.Write();
        KernelSymbols symbols = KernelSymbols.Read(new StringReader(
            $"{Code:x} T schedule\n{Code + 0x100:x} T do_exit\n{Code + 0x200:x} t kfree\n"));
        Assert.Equal(order, OrcOrder.Find(_linux.Values, symbols, Read));
        Assert.Null(OrcOrder.Find(_linux.Values, KernelSymbols.Read(new StringReader("")), Read));
        Assert.Null(OrcOrder.Find(_linux.Values, symbols, (_, _) => null));
        Assert.Null(OrcOrder.Find(new Dictionary<LinuxField, long>(), symbols, Read));

        // One that contradicts the others: there is no telling.
        orc.Add(Code + 0x100, OrcKind.Call, OrcBase.Frame);
        orc.Write();
        Assert.Null(OrcOrder.Find(_linux.Values, symbols, Read));
        orc.Add(Code + 0x100, OrcKind.Call, OrcBase.Stack, 16);
        orc.Write();
        Assert.Null(OrcOrder.Find(_linux.Values, symbols, Read));

        byte[]? Read(ulong address, int count) => _linux.At(address, count).ToArray();
    }

    [Fact]
    public void ACpuWithoutRegistersShowsWhatItsStackHas()
    {
        Fill(new SyntheticOrc(_linux)).Write();
        ulong task = Sleep(9);
        _linux.Write(task + 0x3c, 1);
        _linux.Write(SyntheticLinux.Image(0x308), task);
        _linux.Write(Code + 0x21b, (ReadOnlySpan<byte>)[0xe8, 1, 2, 3, 4]);
        using ViewShell shell = new(_linux, _panic);
        string text = shell.Run("stack --cpu 0");
        Assert.Contains("a CPU runs it", text, StringComparison.Ordinal);
        Assert.Contains("guess  kthread", text, StringComparison.Ordinal);
        Assert.DoesNotContain("table", text, StringComparison.Ordinal);
        _linux.Write(SyntheticLinux.Image(0x308), 0x1234UL);
        Assert.Contains("no stack that can be read", shell.Run("stack --cpu 0"), StringComparison.Ordinal);
    }

    /// <summary>Adds the functions' entries.</summary>
    private static SyntheticOrc Fill(SyntheticOrc orc)
    {
        orc.Add(Code, OrcKind.Call);
        orc.Add(Code + 0x10, OrcKind.Call, OrcBase.Stack, 0x28, OrcBase.CallersStack, -16);
        orc.Add(Code + 0x100, OrcKind.Call);
        orc.Add(Code + 0x110, OrcKind.Call, OrcBase.Frame, 16, OrcBase.CallersStack, -16);
        orc.Add(Code + 0x200, OrcKind.Call);
        orc.Add(Code + 0x210, OrcKind.Call, OrcBase.Stack, 0x18);
        orc.Add(Code + 0x300, OrcKind.End, OrcBase.None, 0);
        orc.Add(Code + 0x400, OrcKind.Call, OrcBase.Stack, 0x10);
        orc.Add(Code + 0x500, OrcKind.Call, OrcBase.AtStack, 8);
        orc.Add(Code + 0x600, OrcKind.Registers, OrcBase.Stack, 0, isInterrupted: true);
        orc.Add(Code + 0x800, OrcKind.Unknown, OrcBase.None, 0);
        return orc;
    }

    /// <summary>Adds a task that sleeps in schedule, called by io_wait, called by kthread; with what is left of earlier calls on its stack.</summary>
    private ulong Sleep(int pid)
    {
        ulong task = _tasks.Add(pid, "sleeps", SyntheticTasks.WaitsForDisk);
        _linux.Write(task + 0x70, _stack);
        _linux.Write(task + 0x78, _stack + 0x3000);
        _linux.Write(_stack + 0x3030, Code + 0x20);
        ulong callers = _stack + 0x3038 + 0x28; // schedule's caller's stack
        _linux.Write(_stack + 0x3040, Code + 0x120); // left over
        _linux.Write(callers - 16, callers + 0x100); // RBP
        _linux.Write(callers - 8, Code + 0x120);
        _linux.Write(callers + 0x100, 0UL);
        _linux.Write(callers + 0x108, Code + 0x220);
        _linux.Write(callers + 0x110 + 0x10, Code + 0x310);
        return task;
    }

    /// <summary>Makes the registers of a CPU that handles an interrupt of io_wait on another stack.</summary>
    private CpuRegistersLayout Interrupted(ulong outermost)
    {
        ulong other = _linux.Allocate(16 << 10, 16 << 10) + 0x3fe0;
        ulong task = _stack + 0x2800;
        _linux.Write(other + 8, Code + 0x520); // the handler's caller
        _linux.Write(other + 16, task); // where the stack was before
        _linux.Write(task, Code + 0x620);
        ulong stored = task + 8; // struct pt_regs
        ulong frame = stored + 0x200;
        _linux.Write(stored + 32, frame);
        _linux.Write(stored + 128, Code + 0x130);
        _linux.Write(stored + 136, KernelCode);
        _linux.Write(stored + 152, stored + 168);
        _linux.Write(frame + 8, Code + 0x220);
        _linux.Write(frame + 16 + 0x10, Code + 0x628); // called by what stored a program's registers
        _linux.Write(frame + 16 + 0x18 + 136, outermost);
        return new CpuRegistersLayout { Sequence = 2, Flags = CpuRegistersLayout.AtPanic, Rip = Code + 0x410, Rsp = other, Cs = KernelCode };
    }

    /// <summary>Makes a list of one module.</summary>
    private ulong AddModules(bool isOld, ulong start)
    {
        ulong head = SyntheticLinux.Image(0x900);
        ulong module = _linux.Allocate(0x200);
        (LinuxField Field, long Value)[] layout =
        [
            (LinuxField.Modules, unchecked((long)head)), (LinuxField.ModuleList, 8), (LinuxField.ModuleOrcCount, 0x20), (LinuxField.ModuleOrcAddresses, 0x28),
            (LinuxField.ModuleOrcEntries, 0x30),
        ];
        (LinuxField Field, long Value)[] memory = isOld
            ? [(LinuxField.ModuleCoreBase, 0x80), (LinuxField.ModuleCoreSize, 0x88), (LinuxField.ModuleInitBase, 0x60), (LinuxField.ModuleInitSize, 0x68)]
            :
            [
                (LinuxField.ModuleMemory, 0x40), (LinuxField.ModuleMemorySize, 0x20), (LinuxField.ModuleMemoryBase, 0), (LinuxField.ModuleMemoryBytes, 8),
                (LinuxField.ModuleMemoryCount, 7),
            ];
        foreach ((LinuxField field, long value) in layout.Concat(memory))
        {
            _linux.Values[field] = value;
        }

        _linux.Write(head, module + 8);
        _linux.Write(head + 8, module + 8);
        _linux.Write(module + 8, head);
        _linux.Write(module + 16, head);
        ulong piece = module + (isOld ? 0x80UL : 0x60UL); // the second one
        _linux.Write(piece, start);
        _linux.Write(piece + 8, 0x1000u);
        return module;
    }

    private static string[] Rows(ViewShell shell, string line)
    {
        using JsonDocument json = JsonDocument.Parse(shell.Run(line));
        return [.. json.RootElement.EnumerateArray().Select(row => $"{Text(row, "how")} {Text(row, "function")} {Text(row, "offset")}")];
    }

    private static string Text(JsonElement row, string name) => row.GetProperty(name).GetString()!;
}
