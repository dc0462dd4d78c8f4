using System;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;

namespace Sos.Sdk.Ports;

/// <summary>The service's log, for one port: each text begins with "port NAME: ", unless the port has no name.</summary>
internal readonly struct PortLog
{
    private readonly Log _log;
    private readonly PortName _name;

    public PortLog(Log log, in PortName name)
    {
        _log = log;
        _name = name;
    }

    /// <summary>Writes a record.</summary>
    /// <param name="severity">How grave.</param>
    /// <param name="text">UTF-8, at most 74 bytes; what is longer is cut.</param>
    /// <param name="value">A number that belongs to the text.</param>
    public void Write(LogSeverity severity, ReadOnlySpan<byte> text, ulong value = 0)
    {
        Span<byte> whole = stackalloc byte[LogRecord.TextSize];
        int length = 0;
        if (!_name.IsEmpty)
        {
            length = Append(whole, length, "port "u8);
            length = Append(whole, length, _name.Bytes);
            length = Append(whole, length, ": "u8);
        }

        length = Append(whole, length, text);
        _log.Write(severity, whole[..length], value);
    }

    private static int Append(Span<byte> whole, int length, ReadOnlySpan<byte> part)
    {
        int count = Math.Min(part.Length, whole.Length - length);
        part[..count].CopyTo(whole[length..]);
        return length + count;
    }
}
