using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Abi;

#pragma warning disable CS0649 // the driver writes them

/// <summary>Two words that are 0.</summary>
[InlineArray(2)]
internal struct Words2
{
    private ulong _first;
}

/// <summary>Three words that are 0.</summary>
[InlineArray(3)]
internal struct Words3
{
    private ulong _first;
}

/// <summary>Four words that are 0.</summary>
[InlineArray(4)]
internal struct Words4
{
    private ulong _first;
}

/// <summary>struct sos_info.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SosInfo
{
    public const int CoresMax = 64;
    public const int VersionSize = 32;

    public uint AbiVersion;
    public uint CoreCount;
    public fixed byte Version[VersionSize];
    public fixed uint Cpus[CoresMax];
}

/// <summary>struct sos_reserve.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosReserve
{
    public const uint Persist = 1;
    public const uint ShareCore = 2;
    public const uint Class = 4;

    public uint Cpu;
    public uint Flags;
    public int CoreFd;
    public uint Performance;
    public ulong DurationNs;
    public ulong LeaseNs;
    public uint Clos;
    public uint Siblings;
    public Words3 Reserved;
}

/// <summary>struct sos_open.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosOpen
{
    public uint Cpu;
    public int CoreFd;
    public ulong Reserved;
}

/// <summary>struct sos_release.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosRelease
{
    public ulong DurationNs;
    public ulong Reserved;
}

/// <summary>struct sos_lease.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosLease
{
    public ulong DurationNs;
    public ulong Reserved;
}

/// <summary>struct sos_region.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosRegion
{
    public const uint AllDevices = 0xffff_ffff;

    public uint Kind;
    public uint Prot;
    public uint Flags;
    public uint Device;
    public uint Bar;
    public uint Index;
    public ulong Va;
    public ulong Size;
    public ulong MmapOffset;
    public Words3 Reserved;
}

/// <summary>struct sos_dma.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosDma
{
    public uint Region;
    public uint Count;
    public ulong Addresses;
    public uint Device;
    public uint Reserved0;
    public ulong Reserved;
}

/// <summary>struct sos_device.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosDeviceClaim
{
    public const uint ForceUnconfined = 1;
    public const uint ConfinedMemory = 1;
    public const uint ConfinedInterrupts = 2;
    public const uint ConfinedGroup = 4;

    public uint Domain;
    public uint Bus;
    public uint Devfn;
    public uint Index;
    public ushort Vendor;
    public ushort Device;
    public ushort Iommu;
    public ushort Pad;
    public BarSizes Bars;
    public uint Flags;
    public uint Confinement;
    public Words2 Reserved;

    [InlineArray(6)]
    public struct BarSizes
    {
        private ulong _first;
    }
}

/// <summary>struct sos_add_host_port.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SosAddHostPort
{
    public const int NameSize = 16;

    public fixed byte Name[NameSize];
    public fixed byte Mac[6];
    public ushort Mtu;
    public uint Slots;
    public uint Region;
    public ulong Va;
    public uint Ifindex;
    public uint Pad;
    public ulong Size;
    public Words2 Reserved;
}

/// <summary>struct sos_start.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosStart
{
    public ulong Entry;
    public ulong StackTop;
    public ulong Argument;
    public ulong PollBoundNs;
    public Words2 Reserved;
}

/// <summary>struct sos_stop.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosStop
{
    public uint TimeoutMs;
    public uint Pad;
}

/// <summary>struct sos_fault.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosFault
{
    public const int StackWords = 32;

    public uint Vector;
    public uint Ring;
    public ulong ErrorCode;
    public ulong Address;
    public ulong Tsc;
    public ulong Rip;
    public ulong Rsp;
    public ulong Rflags;
    public ulong Rax;
    public ulong Rbx;
    public ulong Rcx;
    public ulong Rdx;
    public ulong Rsi;
    public ulong Rdi;
    public ulong Rbp;
    public ulong R8;
    public ulong R9;
    public ulong R10;
    public ulong R11;
    public ulong R12;
    public ulong R13;
    public ulong R14;
    public ulong R15;
    public StackContents Stack;

    [InlineArray(StackWords)]
    public struct StackContents
    {
        private ulong _first;
    }
}

/// <summary>struct sos_export.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosExport
{
    public const uint Write = 1;

    public uint Region;
    public uint Flags;
    public int Fd;
    public uint Pad;
}

/// <summary>struct sos_revoke.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosRevoke
{
    public uint Region;
    public uint Pad;
}

/// <summary>struct sos_bind_event.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosBindEvent
{
    public uint Index;
    public int Fd;
    public ulong Reserved;
}

/// <summary>struct sos_linux_counts.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosLinuxCounts
{
    public ulong DeviceIrqs;
    public ulong TimerIrqs;
    public ulong ReschedIrqs;
    public ulong CallIrqs;
    public ulong OtherIrqs;
    public ulong Softirqs;
    public ulong IdleSwitches;
    public ulong Reserved;
}

/// <summary>struct sos_attach.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosAttach
{
    public int CoreFd;
    public uint Flags;
    public ulong Reserved;
}

/// <summary>struct sos_config.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosConfig
{
    public const int Size = 256;

    public uint Device;
    public uint Offset;
    public uint Length;
    public uint Reserved0;
    public Bytes Data;
    public ulong Reserved;

    [InlineArray(Size)]
    public struct Bytes
    {
        private byte _first;
    }
}

/// <summary>struct sos_get_linux_ranges.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosGetLinuxRanges
{
    public const int RangesMax = 4096;

    public uint Region;
    public uint Count;
    public ulong Ranges;
    public ulong Panic;
    public ulong Reserved;
}

/// <summary>struct sos_set_actions.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosSetActions
{
    public uint Actions;
    public uint Methods;
    public ulong Reserved;
}

/// <summary>struct sos_status.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SosStatus
{
    public uint State;
    public uint Cpu;
    public uint Flags;
    public uint Irq;
    public long ExitCode;
    public ulong Starts;
    public ulong Faults;
    public ulong Nmis;
    public ulong Notifications;
    public ulong LeaseNs;
    public ulong LeaseLengthNs;
    public ulong PollBoundNs;
    public uint Performance;
    public uint Mechanism;
    public uint Siblings;
    public uint Cores;
    public Words4 Reserved;
    public SosFault Fault;
}

#pragma warning restore CS0649
