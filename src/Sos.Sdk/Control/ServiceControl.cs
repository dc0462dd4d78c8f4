using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>struct sos_control: the first page of the control region.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct ServiceControl
{
    /// <summary>sizeof(struct sos_control).</summary>
    public const int Size = 4096;

    /// <summary>SOS_CONTROL_MAGIC, "SSOCTRL1".</summary>
    public const ulong MagicValue = 0x314c5254434f5353;

    /// <summary>SOS_ABI_VERSION.</summary>
    public const uint AbiVersion = 3;

    /// <summary>SOS_MAX_RESOURCES.</summary>
    public const int ResourcesMax = 58;

    /// <summary>SOS_MAX_EVENTS.</summary>
    public const int EventsMax = 64;

    /// <summary>SOS_TABLE_REFUSED: set in <see cref="TableActive"/> when the requested table was not valid.</summary>
    public const ulong TableRefused = 1UL << 63;

    /// <summary><see cref="MagicValue"/>, written by the control plane before START.</summary>
    [FieldOffset(0)] public ulong Magic;

    /// <summary><see cref="AbiVersion"/>.</summary>
    [FieldOffset(8)] public uint Abi;

    /// <summary><see cref="Size"/>.</summary>
    [FieldOffset(12)] public uint HeaderSize;

    /// <summary>Bytes of the control region.</summary>
    [FieldOffset(16)] public ulong RegionSize;

    /// <summary>Linux to service: not 0 asks it to return from its loop.</summary>
    [FieldOffset(24)] public uint StopRequest;

    /// <summary>Service to Linux.</summary>
    [FieldOffset(28)] public ServiceState State;

    /// <summary>Service to Linux: passes of the poll loop so far.</summary>
    [FieldOffset(32)] public ulong Polls;

    /// <summary>Service to Linux: valid in <see cref="ServiceState.Ended"/>.</summary>
    [FieldOffset(40)] public long ExitCode;

    /// <summary>Valid entries of <see cref="Resources"/>.</summary>
    [FieldOffset(48)] public uint ResourceCount;

    /// <summary>Instruction sets that the loader found.</summary>
    [FieldOffset(56)] public InstructionSets Isa;

    /// <summary>See <see cref="ClockLayout"/>.</summary>
    [FieldOffset(64)] public ClockLayout Clock;

    /// <summary>Linux to service: generation &lt;&lt; 8 | slot of the table to use, 0 for none.</summary>
    [FieldOffset(128)] public ulong TableRequest;

    /// <summary>Service to Linux: the last request it switched to, or that with <see cref="TableRefused"/>.</summary>
    [FieldOffset(136)] public ulong TableActive;

    /// <summary>Service to Linux: bit n asks for the eventfd that is bound to it; the driver takes and clears it. Set by <c>Services.Events</c>.</summary>
    [FieldOffset(376)] public ulong Events;

    /// <summary>The things that the service was given.</summary>
    [FieldOffset(384)] public ResourceList Resources;

    /// <summary>The fixed array of resources.</summary>
    [InlineArray(ResourcesMax)]
    public struct ResourceList
    {
        private Resource _first;
    }
}
