using System.Numerics;

namespace Sos.Net;

/// <summary>SipHash-2-4 (Aumasson and Bernstein, 2012) over whole 64-bit words: numbers that an outsider cannot predict.</summary>
/// <param name="key0">First half of the secret.</param>
/// <param name="key1">Second half.</param>
public readonly struct KeyedHash(ulong key0, ulong key1)
{
    /// <summary>Hashes three words.</summary>
    public ulong Of(ulong first, ulong second, ulong third)
    {
        State state = new(key0, key1);
        state.Take(first);
        state.Take(second);
        state.Take(third);
        return state.Finish(3);
    }

    /// <summary>Hashes five words.</summary>
    public ulong Of(ulong first, ulong second, ulong third, ulong fourth, ulong fifth)
    {
        State state = new(key0, key1);
        state.Take(first);
        state.Take(second);
        state.Take(third);
        state.Take(fourth);
        state.Take(fifth);
        return state.Finish(5);
    }

    private struct State(ulong key0, ulong key1)
    {
        private ulong _v0 = key0 ^ 0x736f6d6570736575;
        private ulong _v1 = key1 ^ 0x646f72616e646f6d;
        private ulong _v2 = key0 ^ 0x6c7967656e657261;
        private ulong _v3 = key1 ^ 0x7465646279746573;

        public void Take(ulong word)
        {
            _v3 ^= word;
            Round();
            Round();
            _v0 ^= word;
        }

        public ulong Finish(int words)
        {
            Take((ulong)(words * sizeof(ulong)) << 56);
            _v2 ^= 0xff;
            Round();
            Round();
            Round();
            Round();
            return _v0 ^ _v1 ^ _v2 ^ _v3;
        }

        private void Round()
        {
            _v0 += _v1;
            _v1 = BitOperations.RotateLeft(_v1, 13) ^ _v0;
            _v0 = BitOperations.RotateLeft(_v0, 32);
            _v2 += _v3;
            _v3 = BitOperations.RotateLeft(_v3, 16) ^ _v2;
            _v0 += _v3;
            _v3 = BitOperations.RotateLeft(_v3, 21) ^ _v0;
            _v2 += _v1;
            _v1 = BitOperations.RotateLeft(_v1, 17) ^ _v2;
            _v2 = BitOperations.RotateLeft(_v2, 32);
        }
    }
}
