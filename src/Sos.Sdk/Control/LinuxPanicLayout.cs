using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>struct sos_cpu_registers: the registers of one of Linux's CPUs.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct CpuRegistersLayout
{
    /// <summary>sizeof(struct sos_cpu_registers).</summary>
    public const int Size = 256;

    /// <summary>SOS_REGISTERS_AT_PANIC, in <see cref="Flags"/>: of a panic.</summary>
    public const uint AtPanic = 1;

    /// <summary>Registers in <see cref="Registers"/>, from RAX on.</summary>
    public const int RegistersMax = 15;

    /// <summary>Odd while they are written; 0: never.</summary>
    [FieldOffset(0)] public uint Sequence;

    /// <summary><see cref="AtPanic"/>.</summary>
    [FieldOffset(4)] public uint Flags;

    /// <summary>When.</summary>
    [FieldOffset(8)] public ulong Tsc;

    /// <summary>The instruction.</summary>
    [FieldOffset(16)] public ulong Rip;

    /// <summary>The stack pointer.</summary>
    [FieldOffset(24)] public ulong Rsp;

    /// <summary>The flags.</summary>
    [FieldOffset(32)] public ulong Rflags;

    /// <summary>The code segment, whose two lowest bits are the ring.</summary>
    [FieldOffset(40)] public ulong Cs;

    /// <summary>RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8 to R15.</summary>
    [FieldOffset(48)] public GeneralRegisters Registers;

    /// <summary>The general registers.</summary>
    [InlineArray(RegistersMax)]
    public struct GeneralRegisters
    {
        private ulong _first;
    }
}

/// <summary>struct sos_linux_panic: all that Linux left behind as it panicked. Its CPUs' registers follow, <see cref="CpuRegistersLayout"/> each.</summary>
[StructLayout(LayoutKind.Explicit, Size = HeaderSize)]
public struct LinuxPanicLayout
{
    /// <summary>Bytes before the registers.</summary>
    public const int HeaderSize = 1280;

    /// <summary>SOS_LINUX_PANIC_MAGIC, "SOSPANC1".</summary>
    public const ulong MagicValue = 0x31434e4150534f53;

    /// <summary>SOS_PANIC_WORDS_SIZE.</summary>
    public const int WordsSize = 1024;

    /// <summary>Where <see cref="Words"/> begin.</summary>
    public const int WordsOffset = 256;

    /// <summary><see cref="MagicValue"/>.</summary>
    [FieldOffset(0)] public ulong Magic;

    /// <summary>How many CPUs have a place for their registers.</summary>
    [FieldOffset(8)] public uint CpuCount;

    /// <summary>The CPU that panicked, -1 while Linux has not.</summary>
    [FieldOffset(12)] public int Cpu;

    /// <summary>When; valid once <see cref="Cpu"/> is.</summary>
    [FieldOffset(16)] public ulong Tsc;

    /// <summary>The words with which Linux panicked, up to a zero.</summary>
    [FieldOffset(WordsOffset)] public WordBytes Words;

    /// <summary>Bytes of the words.</summary>
    [InlineArray(WordsSize)]
    public struct WordBytes
    {
        private byte _first;
    }
}
