using System;
using Sos.RemoteConsole.View;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>cpus</c>: what each of Linux's CPUs runs, and the registers that it stored.</summary>
internal readonly struct CpusCommand : ICommand
{
    /// <summary>CPUs that a step looks at: without registers they write nothing.</summary>
    private const int CpusPerStep = 16;

    /// <summary>Registers of a CPU: those that are named apart, and the general ones.</summary>
    private const ulong RegistersPerCpu = 4 + CpuRegistersLayout.RegistersMax;

    private const int NameWidth = 16;
    private const ulong RingMask = 3;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "cpus"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => "[--registers]"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "what each of Linux's CPUs runs, by its scheduler; registers at the panic, or at 'nmi --look'"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => "CPU  ONLINE  READY  INTERRUPTS      PID  NAME              AT"u8;

    private static ReadOnlySpan<byte> RegistersHeading => "CPU  OF     SECONDS AGO  REGISTER  VALUE               FUNCTION"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        bool showsRegisters = run.Arguments.SequenceEqual("--registers"u8);
        if (!showsRegisters && !run.Arguments.IsEmpty)
        {
            return run.Fail("cpus takes --registers and nothing else"u8, CommandRun.Usage);
        }

        if (!LinuxView.IsOpen(ref run, LinuxField.CpuIds, LinuxField.CpuOnline, LinuxField.PerCpuOffset, LinuxField.RunQueues, LinuxField.RunQueueCurrent))
        {
            return CommandProgress.Done;
        }

        return showsRegisters ? ShowRegisters(ref run) : ShowQueue(ref run);
    }

    private static CommandProgress ShowQueue(ref CommandRun run)
    {
        ref LinuxMemory linux = ref run.Context.Linux;
        uint cpu = (uint)run.State.Step;
        if (cpu >= CpuMask.Count(ref linux))
        {
            return CommandProgress.Done;
        }

        run.State.Step++;
        RowWriter row = run.BeginRow();
        row.Number("cpu"u8, cpu, 3);
        row.Flag("online"u8, CpuMask.IsOnline(ref linux, cpu), 6);
        WriteQueue(ref linux, cpu, ref row);
        WritePlace(ref run, cpu, ref row);
        row.End();
        return CommandProgress.More;
    }

    private static void WriteQueue(ref LinuxMemory linux, uint cpu, ref RowWriter row)
    {
        Span<byte> name = stackalloc byte[LinuxTask.NameSize];
        int length = 0;
        LinuxTask task = default;
        uint ready = 0;
        if (linux.TryFindPerCpu(linux.Value(LinuxField.RunQueues), cpu, out ulong queue))
        {
            _ = linux.TryRead(queue, LinuxField.RunQueueRunning, out ready);
            if (linux.TryRead(queue, LinuxField.RunQueueCurrent, out ulong current))
            {
                _ = LinuxTask.TryRead(ref linux, current, name, out length, out task);
            }
        }

        ulong interrupts = 0;
        if (linux.Symbols.Has(LinuxField.KernelStatistics) && linux.TryFindPerCpu(linux.Value(LinuxField.KernelStatistics), cpu, out ulong statistics))
        {
            _ = linux.TryRead(statistics, LinuxField.KernelIrqs, out interrupts);
        }

        row.Number("ready"u8, ready, 5);
        row.Number("interrupts"u8, interrupts, 10);
        row.Number("pid"u8, (ulong)task.Pid, 7);
        row.Text("name"u8, name[..length], NameWidth);
    }

    /// <summary>Writes where a CPU was, if it has stored that.</summary>
    private static void WritePlace(ref CommandRun run, uint cpu, ref RowWriter row)
    {
        Span<byte> space = stackalloc byte[FunctionPlace.SizeMax];
        ref LinuxMemory linux = ref run.Context.Linux;
        bool isStored = LinuxView.TryReadPlace(ref run, cpu, out CpuRegistersLayout registers);
        bool isUser = (registers.Cs & RingMask) != 0;
        row.Text("at"u8, !isStored ? default : isUser ? "a program"u8 : space[..FunctionPlace.Write(ref linux, registers.Rip, space)]);
    }

    private static CommandProgress ShowRegisters(ref CommandRun run)
    {
        ref LinuxMemory linux = ref run.Context.Linux;
        uint count = CpuMask.Count(ref linux);
        for (int i = 0; i < CpusPerStep; i++)
        {
            uint cpu = (uint)(run.State.Step / RegistersPerCpu);
            if (cpu >= count)
            {
                return run.State.Rows > 0
                    ? CommandProgress.Done
                    : run.Fail("no CPU has stored registers: Linux has not panicked, and nobody has looked by 'nmi --look'"u8);
            }

            if (run.Context.Panic.TryReadRegisters(ref linux, cpu, out CpuRegistersLayout registers))
            {
                WriteRegister(ref run, cpu, in registers, (int)(run.State.Step % RegistersPerCpu));
                run.State.Step++;
                return CommandProgress.More;
            }

            run.State.Step = (cpu + 1) * RegistersPerCpu;
        }

        return CommandProgress.More;
    }

    private static void WriteRegister(ref CommandRun run, uint cpu, in CpuRegistersLayout registers, int index)
    {
        Span<byte> space = stackalloc byte[FunctionPlace.SizeMax];
        ulong value = index switch
        {
            0 => registers.Rip,
            1 => registers.Rsp,
            2 => registers.Rflags,
            3 => registers.Cs,
            _ => registers.Registers[index - 4],
        };
        run.Heading = RegistersHeading;
        RowWriter row = run.BeginRow();
        row.Number("cpu"u8, cpu, 3);
        row.Text("of"u8, (registers.Flags & CpuRegistersLayout.AtPanic) != 0 ? "panic"u8 : "look"u8, 5);
        row.Number("ago_s"u8, (run.Now.Tsc - Math.Min(registers.Tsc, run.Now.Tsc)) / (run.Context.TscKhz * 1000), 11);
        row.Text("register"u8, NameOf(index), 8);
        row.Hex("value"u8, value, 16);
        row.Text("function"u8, space[..FunctionPlace.Write(ref run.Context.Linux, value, space)]);
        row.End();
    }

    private static ReadOnlySpan<byte> NameOf(int index)
    {
        ReadOnlySpan<byte> names = "rip   rsp   rflagscs    rax   rbx   rcx   rdx   rsi   rdi   rbp   r8    r9    r10   r11   r12   r13   r14   r15   "u8;
        const int Width = 6;
        ReadOnlySpan<byte> name = names.Slice(index * Width, Width);
        while (name[^1] == (byte)' ')
        {
            name = name[..^1];
        }

        return name;
    }
}
