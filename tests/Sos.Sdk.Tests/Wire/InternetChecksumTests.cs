using System;
using System.Buffers.Binary;
using CsCheck;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Sdk.Tests.Wire;

public sealed class InternetChecksumTests
{
    [Fact]
    public void AgreesWithTheExampleOfRfc1071()
    {
        // RFC 1071, 3: the sum of these is ddf2.
        Assert.Equal(0xddf2, InternetChecksum.Sum([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]));
    }

    [Fact]
    public void AgreesWithAddingWordByWord()
        => Gen.Byte.Array[0, 100].Select(Gen.UShort).Sample((bytes, initial) => InternetChecksum.Sum(bytes, initial) == Slow(bytes, initial));

    [Fact]
    public void UpdatingAgreesWithComputingAnew()
        => Gen.Select(Gen.Byte.Array[4, 60], Gen.Int[0, 100], Gen.UInt).Sample((bytes, place, value) =>
        {
            // A sum of all zeros does not occur in a header; 0 and ffff are the same number there (RFC 1624, 3).
            bytes[0] |= 0x40;
            int offset = 2 + (place % ((bytes.Length / 4 * 4) - 2) / 2 * 2);
            if (offset + 4 > bytes.Length)
            {
                return true;
            }

            ushort checksum = InternetChecksum.Compute(bytes);
            uint before = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(offset));
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(offset), value);
            return InternetChecksum.Update(checksum, before, value) == InternetChecksum.Compute(bytes);
        });

    private static ushort Slow(byte[] bytes, ushort initial)
    {
        uint sum = initial;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (i & 1) == 0 ? (uint)bytes[i] << 8 : bytes[i];
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)sum;
    }
}
