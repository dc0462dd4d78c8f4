using System;
using System.Runtime.CompilerServices;
using Sos.Firewall.Sets;
using Sos.Sdk.Services;
using Sos.Sdk.Time;

namespace Sos.Firewall.Tracking;

/// <summary>
/// The secret by which flows are put into buckets, so that nobody outside can choose flows that meet in one: NH, the universal hash of UMAC (RFC 4418, 5.2.2),
/// with words of 64 bits. Two flows collide in all 128 bits for one in 2^64 of all secrets.
/// </summary>
public struct FlowSecret
{
    /// <summary>The parameter that brings it: hexadecimal digits, from Linux's generator at each start.</summary>
    public static ReadOnlySpan<byte> ParameterName => "flow-seed"u8;

    /// <summary>Bytes of the secret.</summary>
    public const int Size = Words * sizeof(ulong);

    private const int Words = 8;
    private const ulong Golden = 0x9e3779b97f4a7c15; // the increment of SplitMix64

    private Keys _keys;

    /// <summary>Takes a secret from Linux, and adds what the processor gives.</summary>
    /// <param name="parameters">The service's parameters.</param>
    /// <param name="processor">The processor's generator.</param>
    public FlowSecret(Parameters parameters, ProcessorRandom processor)
    {
        bool hasSeed = parameters.TryFind(ParameterName, out ReadOnlySpan<byte> text) && text.Length == Size * 2;
        ulong state = Tsc.Read();
        for (int i = 0; i < Words; i++)
        {
            ulong word = hasSeed && TryReadHex(text.Slice(i * 16, 16), out ulong given) ? given : 0;
            state += Golden;
            _ = processor.TryRead(out ulong random); // else 0: then the seed must do
            _keys[i] = word ^ random ^ (hasSeed ? 0 : Mix(state));
        }
    }

    /// <summary>Hashes a flow's ends.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly uint Hash(in FlowTuple tuple) => (uint)(Name(in tuple) >> 32);

    /// <summary>Hashes the key of an element, which has no more than five words.</summary>
    public readonly uint Hash(in SetKey key)
    {
        ulong high = Math.BigMul(key[0] + _keys[0], key[1] + _keys[1], out ulong low);
        high += Math.BigMul(key[2] + _keys[2], key[3] + _keys[3], out ulong second);
        low += second;
        high += low < second ? 1u : 0;
        high += Math.BigMul(key[4] + _keys[4], _keys[5], out ulong third);
        low += third;
        high += low < third ? 1u : 0;
        return (uint)(Mix((high * (_keys[6] | 1)) + (low * (_keys[7] | 1))) >> 32); // Keys that follow one another would leave buckets empty.
    }

    /// <summary>Hashes a flow's ends to 64 bits, by which they are as good as known.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly ulong Name(in FlowTuple tuple)
    {
        // Sums of products modulo 2^128.
        ulong high = Math.BigMul(tuple.First.High + _keys[0], tuple.First.Low + _keys[1], out ulong low);
        high += Math.BigMul(tuple.Second.High + _keys[2], tuple.Second.Low + _keys[3], out ulong second);
        low += second;
        high += low < second ? 1u : 0;
        high += Math.BigMul((((ulong)tuple.Ports << 32) | tuple.Kind) + _keys[4], _keys[5], out ulong third);
        low += third;
        high += low < third ? 1u : 0;
        // Mixed, since with some secrets flows that differ in ports alone would share most bits.
        return Mix((high * (_keys[6] | 1)) + (low * (_keys[7] | 1)));
    }

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        return value ^ (value >> 31);
    }

    private static bool TryReadHex(ReadOnlySpan<byte> text, out ulong value)
    {
        value = 0;
        foreach (byte character in text)
        {
            uint digit = character is >= (byte)'0' and <= (byte)'9' ? character - (uint)'0'
                : character is >= (byte)'a' and <= (byte)'f' ? character - (uint)'a' + 10 : 16;
            if (digit > 15)
            {
                return false;
            }

            value = (value << 4) | digit;
        }

        return true;
    }

    [InlineArray(Words)]
    private struct Keys
    {
        private ulong _first;
    }
}
