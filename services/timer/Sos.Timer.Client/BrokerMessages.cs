using System.Runtime.InteropServices;

namespace Sos.Timer.Client;

/// <summary>The broker's answer to a client.</summary>
public enum BrokerStatus : uint
{
    /// <summary>The area and the eventfd come with the answer.</summary>
    Granted = 0,

    /// <summary>All areas are in use.</summary>
    Full = 1,

    /// <summary>The client's user may not use the timer service.</summary>
    NotAllowed = 2,

    /// <summary>The client speaks another version.</summary>
    WrongVersion = 3,

    /// <summary>The service does not run.</summary>
    NoService = 4,
}

/// <summary>struct sos_timer_hello of sos_timer.h: the first and only thing that a client sends.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct BrokerHello
{
    /// <summary>Bytes.</summary>
    public const int Size = 16;

    /// <summary>"SOSTIMH1".</summary>
    public const ulong MagicValue = 0x31484d4954534f53;

    /// <summary>Version of the area's layout and of these messages.</summary>
    public const uint CurrentVersion = 1;

    /// <summary><see cref="MagicValue"/>.</summary>
    [FieldOffset(0)] public ulong Magic;

    /// <summary><see cref="CurrentVersion"/>.</summary>
    [FieldOffset(8)] public uint Version;
}

/// <summary>struct sos_timer_welcome of sos_timer.h: the answer. The socket's end is the end of the client's timers.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct BrokerWelcome
{
    /// <summary>Bytes.</summary>
    public const int Size = 24;

    /// <summary>"SOSTIMW1".</summary>
    public const ulong MagicValue = 0x31574d4954534f53;

    /// <summary><see cref="MagicValue"/>.</summary>
    [FieldOffset(0)] public ulong Magic;

    /// <summary>The answer.</summary>
    [FieldOffset(8)] public BrokerStatus Status;

    /// <summary>Number of the client.</summary>
    [FieldOffset(12)] public uint Client;

    /// <summary>Bytes of the area.</summary>
    [FieldOffset(16)] public ulong AreaSize;
}
