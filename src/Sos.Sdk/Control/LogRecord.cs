using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>
/// One log record. A reader takes <see cref="Sequence"/> (acquire), copies the record, and takes it again: a different value means
/// that the record was overwritten meanwhile.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct LogRecord
{
    /// <summary>Bytes of a record: two cache lines.</summary>
    public const int Size = 128;

    /// <summary>Bytes of text at most; longer text is cut.</summary>
    public const int TextSize = 96;

    /// <summary>Number of the record counted from 1; 0 while it is written.</summary>
    [FieldOffset(0)] public ulong Sequence;

    /// <summary>When, by the TSC.</summary>
    [FieldOffset(8)] public ulong Tsc;

    /// <summary>How grave.</summary>
    [FieldOffset(16)] public LogSeverity Severity;

    /// <summary>Bytes of <see cref="Text"/> in use.</summary>
    [FieldOffset(20)] public uint TextLength;

    /// <summary>A number that belongs to the text.</summary>
    [FieldOffset(24)] public ulong Value;

    /// <summary>UTF-8.</summary>
    [FieldOffset(32)] public TextBytes Text;

    /// <summary>The text's bytes.</summary>
    [InlineArray(TextSize)]
    public struct TextBytes
    {
        private byte _first;
    }
}
