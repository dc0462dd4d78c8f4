using System;
using System.Linq;
using System.Text;
using CsCheck;
using Org.BouncyCastle.Crypto.Engines;
using Org.BouncyCastle.Crypto.Parameters;
using Sos.Crypto.Ciphers;
using Xunit;

namespace Sos.Crypto.Tests;

public sealed class CipherTests
{
    private static readonly byte[] Key = Enumerable.Range(0, 32).Select(i => (byte)i).ToArray();

    // RFC 8439, 2.3.2.
    [Fact]
    public void TheBlockOfTheRfc()
    {
        byte[] block = new byte[64];
        ChaCha20.Apply(Key, 1 | (0x09000000UL << 32), 0x4a000000, block);
        Assert.Equal(
            "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4ed2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e",
            Convert.ToHexStringLower(block));
    }

    [Fact]
    public void ChaCha20IsThatOfBouncyCastleAtEveryLength()
    {
        for (int length = 0; length <= 1200; length++)
        {
            byte[] data = new byte[length];
            byte[] expected = new byte[length];
            ChaChaEngine engine = new(20);
            engine.Init(true, new ParametersWithIV(new KeyParameter(Key), [1, 2, 3, 4, 5, 6, 7, 8]));
            engine.ProcessBytes(data, 0, length, expected, 0);
            ChaCha20.Apply(Key, 0, 0x0807060504030201, data);
            Assert.Equal(expected, data);
        }
    }

    // Four blocks at once and one at a time agree, also where the counter's lower half overflows.
    [Theory]
    [InlineData(0ul)]
    [InlineData(0xfffffffcul)]
    [InlineData(0xfffffffffffffffcul)]
    public void WideAndNarrowAgree(ulong counter)
    {
        byte[] wide = new byte[1024];
        byte[] narrow = new byte[1024];
        ChaCha20.Apply(Key, counter, 7, wide);
        for (int i = 0; i < 16; i++)
        {
            ChaCha20.Apply(Key, counter + (ulong)i, 7, narrow.AsSpan(i * 64, 64));
        }

        Assert.Equal(narrow, wide);
    }

    // RFC 8439, 2.5.2.
    [Fact]
    public void TheTagOfTheRfc()
    {
        byte[] tag = new byte[16];
        Poly1305.Compute(
            Convert.FromHexString("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b"), "Cryptographic Forum Research Group"u8, tag);
        Assert.Equal("a8061dc1305136c6c22b8baf0c0127a9", Convert.ToHexStringLower(tag));
    }

    [Fact]
    public void Poly1305IsThatOfBouncyCastle() => Gen.Select(Gen.Byte.Array[32], Gen.Byte.Array[0, 200], Gen.Int[0, 2]).Sample((key, message, edge) =>
    {
        // All ones, and keys and messages near the modulus, make the carries that random numbers miss.
        byte[] ones = Enumerable.Repeat((byte)0xff, message.Length).ToArray();
        byte[] input = edge switch { 0 => message, 1 => ones, _ => [0xfb, .. ones] };
        byte[] oneTime = edge == 2 ? [2, .. new byte[15], .. key[16..]] : key;
        Org.BouncyCastle.Crypto.Macs.Poly1305 mac = new();
        mac.Init(new KeyParameter(oneTime));
        mac.BlockUpdate(input, 0, input.Length);
        byte[] expected = new byte[16];
        mac.DoFinal(expected, 0);
        byte[] tag = new byte[16];
        Poly1305.Compute(oneTime, input, tag);
        Assert.Equal(expected, tag);
    });

    // RFC 8439, A.3: sums at the modulus.
    [Theory]
    [InlineData("02", "ffffffffffffffffffffffffffffffff", "03")]
    [InlineData("02", "02000000000000000000000000000000", "03", "ffffffffffffffffffffffffffffffff")]
    [InlineData("01", "fffffffffffffffffffffffffffffffff0ffffffffffffffffffffffffffffff11000000000000000000000000000000", "05")]
    [InlineData("01", "fffffffffffffffffffffffffffffffffbfefefefefefefefefefefefefefefe01010101010101010101010101010101", "00")]
    [InlineData("02", "fdffffffffffffffffffffffffffffff", "faffffffffffffffffffffffffffffff")]
    public void SumsAtTheModulus(string r, string message, string tag, string pad = "")
    {
        byte[] key = Convert.FromHexString(r.PadRight(32, '0') + pad.PadRight(32, '0'));
        byte[] computed = new byte[16];
        Poly1305.Compute(key, Convert.FromHexString(message), computed);
        Assert.Equal(tag.PadRight(32, '0'), Convert.ToHexStringLower(computed));
    }

    [Fact]
    public void APacketThatWasSealedOpens()
    {
        byte[] keys = [.. Key, .. Key.Select(each => (byte)~each)];
        byte[] packet = [0, 0, 0, 24, .. Encoding.ASCII.GetBytes("twenty-four bytes inside"), .. new byte[16]];
        byte[] original = [.. packet];
        PacketCipher.Seal(keys, 7, packet);
        Assert.Equal(24u, PacketCipher.ReadLength(keys, 7, packet));
        Assert.NotEqual(24u, PacketCipher.ReadLength(keys, 8, packet));
        for (int bit = 0; bit < packet.Length * 8; bit++)
        {
            byte[] changed = [.. packet];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            byte[] before = [.. changed];
            Assert.False(PacketCipher.TryOpen(keys, 7, changed));
            Assert.Equal(before, changed);
        }

        Assert.False(PacketCipher.TryOpen(keys, 8, packet));
        Assert.True(PacketCipher.TryOpen(keys, 7, packet));
        Assert.Equal(original[4..^16], packet[4..^16]);
    }

    [Fact]
    public void APacketIsWhatItsDefinitionSays()
    {
        // Built from BouncyCastle's ChaCha20 and Poly1305 alone, as PROTOCOL.chacha20poly1305 describes it.
        byte[] keys = [.. Key, .. Key.Select(each => (byte)~each)];
        byte[] packet = [0, 0, 0, 8, 4, 1, 2, 3, 4, 5, 6, 7, .. new byte[16]];
        byte[] nonce = [0, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef];
        ChaChaEngine main = new(20);
        main.Init(true, new ParametersWithIV(new KeyParameter(keys[..32]), nonce));
        byte[] first = new byte[64];
        main.ProcessBytes(new byte[64], 0, 64, first, 0);
        byte[] expected = new byte[28];
        ChaChaEngine lengths = new(20);
        lengths.Init(true, new ParametersWithIV(new KeyParameter(keys[32..]), nonce));
        lengths.ProcessBytes(packet, 0, 4, expected, 0);
        main.ProcessBytes(packet, 4, 8, expected, 4);
        Org.BouncyCastle.Crypto.Macs.Poly1305 mac = new();
        mac.Init(new KeyParameter(first[..32]));
        mac.BlockUpdate(expected, 0, 12);
        mac.DoFinal(expected, 12);
        PacketCipher.Seal(keys, 0xdeadbeef, packet);
        Assert.Equal(expected, packet);
    }
}
