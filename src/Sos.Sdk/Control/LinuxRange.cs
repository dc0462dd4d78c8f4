using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>struct sos_linux_range: a piece of Linux's memory that the service may read.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct LinuxRange
{
    /// <summary>Its physical address.</summary>
    public ulong Start;

    /// <summary>Bytes.</summary>
    public ulong ByteCount;
}
