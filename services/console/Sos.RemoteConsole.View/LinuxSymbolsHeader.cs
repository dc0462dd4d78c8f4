using System.Runtime.InteropServices;

namespace Sos.RemoteConsole.View;

/// <summary>
/// The head of the blob that tells a console where what lies in Linux's memory: then the values of <see cref="LinuxField"/>, the addresses of functions, the
/// places of their names, the names. The companion writes it while Linux is well; the service reads it, whatever becomes of Linux.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct LinuxSymbolsHeader
{
    /// <summary>Value of <see cref="Magic"/>: "SSOSLINX".</summary>
    public const ulong MagicValue = 0x584e_494c_534f_5353;

    /// <summary>Bytes of this struct.</summary>
    public const int Size = 40;

    /// <summary>Functions lie in the last 2 GiB of the address space, so that 32 bits tell their addresses.</summary>
    public const ulong FunctionBase = 0xffff_ffff_8000_0000;

    /// <summary><see cref="MagicValue"/>.</summary>
    public ulong Magic;

    /// <summary>How many values there are: <see cref="LinuxField.Count"/>, or the writer is of another version.</summary>
    public uint FieldCount;

    /// <summary>How many functions there are.</summary>
    public uint FunctionCount;

    /// <summary>Where the functions' addresses begin, from the head's first byte: 32 bits each, above <see cref="FunctionBase"/>, in order.</summary>
    public uint FunctionsOffset;

    /// <summary>Where the places of their names begin, 32 bits each, relative to <see cref="NamesOffset"/>.</summary>
    public uint PlacesOffset;

    /// <summary>Where the names begin, each ended by a zero.</summary>
    public uint NamesOffset;

    /// <summary>Bytes of names.</summary>
    public uint NamesSize;

    /// <summary>Bytes of the whole.</summary>
    public ulong TotalSize;
}
