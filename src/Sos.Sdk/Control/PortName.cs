using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>A port's name in a <see cref="Resource"/>: UTF-8, padded with NUL; empty for things that are no port.</summary>
[InlineArray(Size)]
public struct PortName
{
    /// <summary>SOS_PORT_NAME_SIZE: bytes with the NUL at the end.</summary>
    public const int Size = 16;

    /// <summary>The name of a service's only port where nothing else is said.</summary>
    public const string Default = "nic";

    private byte _first;

    /// <summary>Whether there is a name.</summary>
    public readonly bool IsEmpty => _first == 0;

    /// <summary>The bytes of the name, without the padding.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Bytes
    {
        get
        {
            ReadOnlySpan<byte> all = MemoryMarshal.CreateReadOnlySpan(in _first, Size);
            int length = 0;
            while (length < Size && all[length] != 0)
            {
                length++;
            }

            return all[..length];
        }
    }

    /// <summary>
    /// Whether a port can have that name: 1 to 15 lower-case letters, digits, '-' and '_', a letter first. "host" is taken, since the counters
    /// of the port "nic" begin with "nic." and "host.", and "any", by which an image asks for ports of any name.
    /// </summary>
    public static bool IsValid(ReadOnlySpan<byte> name)
    {
        if (name.Length is 0 or >= Size || name[0] is < (byte)'a' or > (byte)'z' || name.SequenceEqual("host"u8) || name.SequenceEqual("any"u8))
        {
            return false;
        }

        foreach (byte character in name)
        {
            if (character is not ((>= (byte)'a' and <= (byte)'z') or (>= (byte)'0' and <= (byte)'9') or (byte)'-' or (byte)'_'))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Writes a name down.</summary>
    /// <returns>False when it is not <see cref="IsValid"/>.</returns>
    public static bool TryCreate(ReadOnlySpan<byte> name, out PortName portName)
    {
        portName = default;
        if (!IsValid(name))
        {
            return false;
        }

        for (int i = 0; i < name.Length; i++)
        {
            portName[i] = name[i];
        }

        return true;
    }
}
