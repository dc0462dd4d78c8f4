using System;
using System.IO;
using System.IO.MemoryMappedFiles;
using System.Text;
using Sos.Image.Elf;

namespace Sos.Fuzz.Processor;

/// <summary>
/// A process that runs one instruction at a time, on registers and memory that this one sets. It has a window of memory that both
/// share: code, which it cannot write, and an arena for data and stack; around them nothing is mapped.
/// </summary>
internal sealed unsafe class SteppedProcess : IDisposable
{
    /// <summary>Where the code lies in the process; near the arena, so that RIP reaches it.</summary>
    public const ulong CodeAt = 0x1_0000_0000;

    /// <summary>Bytes of code.</summary>
    public const int CodeSize = 16 << 12;

    /// <summary>Where the arena lies.</summary>
    public const ulong ArenaAt = 0x1_1000_0000;

    /// <summary>Bytes of the arena.</summary>
    public const int ArenaSize = 2 << 12;

    private const ushort TypeExecutable = 2;
    private const ulong LoopAt = 0x40_0000;
    private const int OpenSystemCall = 2;
    private const int MapSystemCall = 9;
    private const ulong ReadWrite = 3;
    private const ulong ReadExecute = 5;
    private const ulong SharedFixed = 0x11;

    private readonly int _process;
    private readonly string _folder;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _memory;

    public SteppedProcess()
    {
        _folder = Directory.CreateTempSubdirectory("sos-step-").FullName;
        string window = Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : _folder, Path.GetFileName(_folder));
        _file = MemoryMappedFile.CreateFromFile(window, FileMode.CreateNew, null, CodeSize + ArenaSize);
        _view = _file.CreateViewAccessor();
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _memory);
        string program = Path.Combine(_folder, "loop");
        File.WriteAllBytes(program, Program());
        _process = Ptrace.Start(program);
        Ptrace.Attach(_process);
        Ptrace.Read(_process, out UserRegisters registers);
        Template = registers;
        MapWindow(window);
        File.Delete(window);
    }

    /// <summary>The registers of a process that does nothing: segments and flags are taken from them.</summary>
    public UserRegisters Template { get; }

    /// <summary>The code, as it can be written here.</summary>
    public Span<byte> Code => new(_memory, CodeSize);

    /// <summary>The arena.</summary>
    public Span<byte> Arena => new(_memory + CodeSize, ArenaSize);

    /// <summary>Runs one instruction.</summary>
    /// <param name="registers">The registers before and after.</param>
    /// <returns>Whether it ran: a fault leaves the registers as they were.</returns>
    public bool Step(ref UserRegisters registers)
    {
        Ptrace.Write(_process, ref registers);
        return Continue(ref registers);
    }

    /// <summary>Runs one more instruction on the registers as the last one left them.</summary>
    public bool Continue(ref UserRegisters registers)
    {
        bool ran = Ptrace.Step(_process) == Ptrace.SignalTrap;
        Ptrace.Read(_process, out registers);
        return ran;
    }

    public void Dispose()
    {
        Ptrace.End(_process);
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A program of two instructions: syscall, and a jump to itself, at which it starts.</summary>
    private static byte[] Program()
    {
        byte[] code = [0x0f, 0x05, 0xeb, 0xfe, .. new byte[512]];
        ElfFileWriter file = new(TypeExecutable, LoopAt + 2);
        file.AddSegment(new ElfSegmentPlan(
            ElfFormat.SegmentLoad, ElfFormat.FlagRead | ElfFormat.FlagExecute, 0x1000, LoopAt, code, (ulong)code.Length, 0x1000));
        return file.ToArray();
    }

    private void MapWindow(string path)
    {
        byte[] name = [.. Encoding.UTF8.GetBytes(path), .. new byte[8]];
        for (int i = 0; i + 8 <= name.Length; i += 8)
        {
            Ptrace.WriteWord(_process, LoopAt + 64 + (ulong)i, BitConverter.ToUInt64(name, i));
        }

        ulong file = SystemCall(OpenSystemCall, LoopAt + 64, 2, 0, 0, 0, 0);
        SystemCall(MapSystemCall, CodeAt, CodeSize, ReadExecute, SharedFixed, file, 0);
        SystemCall(MapSystemCall, ArenaAt, ArenaSize, ReadWrite, SharedFixed, file, CodeSize);
    }

    private ulong SystemCall(ulong number, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f)
    {
        UserRegisters registers = Template;
        (registers.Rax, registers.Rdi, registers.Rsi, registers.Rdx, registers.R10, registers.R8, registers.R9) = (number, a, b, c, d, e, f);
        registers.OriginalRax = ulong.MaxValue;
        registers.Rip = LoopAt;
        if (!Step(ref registers) || (long)registers.Rax < 0)
        {
            throw new InvalidOperationException($"system call {number} of the stepped process failed: {(long)registers.Rax}");
        }

        return registers.Rax;
    }
}
