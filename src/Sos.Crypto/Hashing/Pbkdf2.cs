using System;

namespace Sos.Crypto.Hashing;

/// <summary>
/// PBKDF2 with HMAC-SHA-512 (RFC 8018, 5.2), one block of 64 bytes, done a few iterations at a time: a service computes a part in each poll.
/// </summary>
public unsafe struct Pbkdf2
{
    /// <summary>Bytes of the result.</summary>
    public const int OutputSize = Sha512.DigestSize;

    private Sha512 _inner;
    private Sha512 _outer;
    private fixed byte _last[OutputSize];
    private fixed byte _sum[OutputSize];
    private uint _left;

    /// <summary>Whether all iterations are done.</summary>
    public readonly bool IsDone => _left == 0;

    /// <summary>Begins, with the first iteration.</summary>
    /// <param name="iterations">How many there are in all; at least 1.</param>
    public void Start(ReadOnlySpan<byte> password, ReadOnlySpan<byte> salt, uint iterations)
    {
        Span<byte> pad = stackalloc byte[Sha512.BlockSize];
        pad.Clear();
        if (password.Length > Sha512.BlockSize)
        {
            Sha512.Hash(password, pad);
        }
        else
        {
            password.CopyTo(pad);
        }

        Fill(ref _inner, pad, 0x36);
        Fill(ref _outer, pad, 0x36 ^ 0x5c);
        FixedTime.Erase(pad);
        fixed (byte* last = _last, sum = _sum)
        {
            Sha512 hash = _inner;
            hash.Update(salt);
            hash.Update([0, 0, 0, 1]);
            FinishOuter(ref hash, new Span<byte>(last, OutputSize));
            new ReadOnlySpan<byte>(last, OutputSize).CopyTo(new Span<byte>(sum, OutputSize));
        }

        _left = iterations - 1;
    }

    /// <summary>Does some iterations more: each is four compressions of SHA-512.</summary>
    public void Continue(uint iterationsMax)
    {
        fixed (byte* last = _last, sum = _sum)
        {
            for (; iterationsMax > 0 && _left > 0; iterationsMax--, _left--)
            {
                Sha512 hash = _inner;
                hash.Update(new ReadOnlySpan<byte>(last, OutputSize));
                FinishOuter(ref hash, new Span<byte>(last, OutputSize));
                for (int i = 0; i < OutputSize; i++)
                {
                    sum[i] ^= last[i];
                }
            }
        }
    }

    /// <summary>Writes the result and erases the state.</summary>
    public void Finish(Span<byte> output)
    {
        fixed (byte* sum = _sum)
        {
            new ReadOnlySpan<byte>(sum, OutputSize).CopyTo(output);
        }

        FixedTime.Erase(ref this);
    }

    private static void Fill(ref Sha512 hash, Span<byte> pad, byte mask)
    {
        for (int i = 0; i < pad.Length; i++)
        {
            pad[i] ^= mask;
        }

        hash.Start();
        hash.Update(pad);
    }

    private readonly void FinishOuter(ref Sha512 inner, Span<byte> digest)
    {
        inner.Finish(digest);
        Sha512 outer = _outer;
        outer.Update(digest);
        outer.Finish(digest);
    }
}
