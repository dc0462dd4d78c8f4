using System.Runtime.InteropServices;

namespace Sos.Firewall.Capture;

/// <summary>
/// Begins the memory through which programs read what rules log. Slots follow it, which the core overwrites in turn: it never waits for a reader. It lies
/// behind the memory for frames and that for flows.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct LogHeader
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 64;

    /// <summary>"FWLOG1", once the service has laid the memory out.</summary>
    public const ulong MagicValue = 0x31474f4c5746;

    /// <summary>Slots: what the core writes in a second and at once, so that a reader that looks every 100 ms has much time.</summary>
    public const int SlotCount = 512;

    /// <summary>Bytes of all.</summary>
    public const ulong TotalSize = Size + ((ulong)SlotCount * LogSlot.Size);

    /// <summary>Lines that the core writes a second at most: at some 150 ns each they take less than a thousandth of its time.</summary>
    public const uint LinesPerSecond = 1000;

    /// <summary>Lines that it writes at once.</summary>
    public const uint LinesAtOnce = 200;

    /// <summary><see cref="MagicValue"/>.</summary>
    public ulong Magic;

    /// <summary>Lines so far; the last one is in slot (this - 1) modulo <see cref="SlotCount"/>.</summary>
    public ulong Written;

    /// <summary>Lines that rules asked for and that were too many.</summary>
    public ulong Lost;

    /// <summary>Lines that the program which hands them on has done: the next one that does so goes on behind them.</summary>
    public ulong Told;
}

/// <summary>A line: the packet that a rule logs, and how. Its first bytes follow.</summary>
[StructLayout(LayoutKind.Sequential, Size = HeaderSize)]
public unsafe struct LogSlot
{
    /// <summary>Bytes of a slot.</summary>
    public const int Size = 512;

    /// <summary>Bytes before the frame.</summary>
    public const int HeaderSize = 160;

    /// <summary>Bytes of a frame that are kept: its headers, and those that an error of ICMP quotes.</summary>
    public const int BytesMax = Size - HeaderSize;

    /// <summary>Bytes of a prefix at most (NF_LOG_PREFIXLEN without its end).</summary>
    public const int PrefixMax = 127;

    /// <summary>The line's number from 1, or 0 while the slot is written.</summary>
    public ulong Number;

    /// <summary>The TSC.</summary>
    public ulong Time;

    /// <summary>Bytes that were kept.</summary>
    public ushort Kept;

    /// <summary>Syslog's level, 0 to 7.</summary>
    public byte Level;

    /// <summary>The parts of a line for which the rule asks: <see cref="Tables.LogFlags"/>.</summary>
    public byte Flags;

    /// <summary>1 if Linux sent the packet.</summary>
    public byte IsSent;

    /// <summary>Bytes of the prefix.</summary>
    public byte PrefixLength;

    /// <summary>0.</summary>
    public ushort Reserved;

    /// <summary>The prefix, UTF-8.</summary>
    public fixed byte Prefix[PrefixMax + 1];
}
