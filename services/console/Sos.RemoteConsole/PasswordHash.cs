using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Net;

namespace Sos.RemoteConsole;

/// <summary>A password's hash: PBKDF2 with HMAC-SHA-512. As a parameter it is ITERATIONS:SALT:HASH, the last two in hexadecimal digits.</summary>
internal struct PasswordHash
{
    /// <summary>Bytes of the salt.</summary>
    public const int SaltSize = 16;

    /// <summary>Bytes of the hash.</summary>
    public const int HashSize = 64;

    /// <summary>Iterations at most: at some microseconds each, a minute of the core's spare time.</summary>
    public const uint IterationsMax = 10_000_000;

    private SaltBytes _salt;
    private HashBytes _hash;

    /// <summary>Iterations; 0 for no password.</summary>
    public uint Iterations { get; private set; }

    /// <summary>The salt.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Salt => _salt;

    /// <summary>The hash.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Hash => _hash;

    /// <summary>Reads a hash.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out PasswordHash hash)
    {
        const int Tail = 1 + (2 * SaltSize) + 1 + (2 * HashSize);
        hash = default;
        uint iterations = 0;
        int digits = text.Length - Tail;
        if (digits is < 1 or > 8 || text[digits] != (byte)':' || text[digits + 1 + (2 * SaltSize)] != (byte)':')
        {
            return false;
        }

        foreach (byte character in text[..digits])
        {
            if (character is < (byte)'0' or > (byte)'9')
            {
                return false;
            }

            iterations = (iterations * 10) + character - '0';
        }

        hash.Iterations = iterations;
        return iterations is > 0 and <= IterationsMax
            && IpPrefix.TryReadHex(text.Slice(digits + 1, 2 * SaltSize), hash._salt)
            && IpPrefix.TryReadHex(text[(digits + 2 + (2 * SaltSize))..], hash._hash);
    }

    [InlineArray(SaltSize)]
    private struct SaltBytes
    {
        private byte _first;
    }

    [InlineArray(HashSize)]
    private struct HashBytes
    {
        private byte _first;
    }
}
