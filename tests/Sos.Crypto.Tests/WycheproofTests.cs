using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Sos.Crypto.Ciphers;
using Sos.Crypto.Curves;
using Sos.Crypto.MlKem;
using Xunit;

namespace Sos.Crypto.Tests;

/// <summary>Wycheproof's vectors, from the folder of JSON files that SOS_VECTORS names. A file that is missing there fails its test.</summary>
public sealed class WycheproofTests
{
    private const string Variable = "SOS_VECTORS";

    [VectorsFact]
    public void X25519Vectors() => Each("x25519_test.json", (_, test) =>
    {
        byte[] secret = new byte[32];
        bool agreed = X25519.TryAgree(Hex(test, "private"), Hex(test, "public"), secret);
        Assert.Equal(Hex(test, "shared"), secret);
        Assert.Equal(secret.Any(each => each != 0), agreed);
    });

    [VectorsFact]
    public void Ed25519Vectors() => Each("ed25519_test.json", (group, test) => Assert.Equal(
        IsValid(test), Ed25519.Verify(Hex(group.GetProperty("publicKey"), "pk"), Hex(test, "msg"), Hex(test, "sig"))));

    // Wycheproof has RFC 8439's construction: it is put together here from the parts that the packet cipher has, too.
    [VectorsFact]
    public void ChaCha20Poly1305Vectors() => Each("chacha20_poly1305_test.json", (group, test) =>
    {
        if (group.GetProperty("ivSize").GetInt32() != 96)
        {
            Assert.False(IsValid(test));
            return;
        }

        (byte[] key, byte[] iv, byte[] text, byte[] tag) = (Hex(test, "key"), Hex(test, "iv"), Hex(test, "ct"), new byte[16]);
        ulong high = (ulong)BinaryPrimitives.ReadUInt32LittleEndian(iv) << 32;
        ulong nonce = BinaryPrimitives.ReadUInt64LittleEndian(iv.AsSpan(4));
        byte[] oneTime = new byte[32];
        ChaCha20.Apply(key, high, nonce, oneTime);
        byte[] data = Hex(test, "aad");
        byte[] lengths = new byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(lengths, data.Length);
        BinaryPrimitives.WriteInt64LittleEndian(lengths.AsSpan(8), text.Length);
        Poly1305.Compute(oneTime, [.. Padded(data), .. Padded(text), .. lengths], tag);
        bool valid = FixedTime.AreEqual(tag, Hex(test, "tag"));
        Assert.Equal(IsValid(test), valid);
        if (valid)
        {
            ChaCha20.Apply(key, high | 1, nonce, text);
            Assert.Equal(Hex(test, "msg"), text);
        }
    });

    [VectorsFact]
    public void MlKemKeyVectors() => Each("mlkem_768_keygen_seed_test.json", (_, test) =>
    {
        (byte[] encapsulation, byte[] decapsulation) = MakeKeys(Hex(test, "seed"));
        Assert.Equal(Hex(test, "ek"), encapsulation);
        Assert.Equal(Hex(test, "dk"), decapsulation);
    });

    [VectorsFact]
    public void MlKemEncapsulationVectors() => Each("mlkem_768_encaps_test.json", (_, test) =>
    {
        (byte[] ciphertext, byte[] secret) = (new byte[MlKem768.CiphertextSize], new byte[32]);
        bool accepted = MlKem768.TryEncapsulate(Hex(test, "ek"), Hex(test, "m"), ciphertext, secret);
        Assert.Equal(IsValid(test), accepted);
        if (accepted)
        {
            Assert.Equal(Hex(test, "c"), ciphertext);
            Assert.Equal(Hex(test, "K"), secret);
        }
    });

    [VectorsFact]
    public void MlKemVectors() => Each("mlkem_768_test.json", (_, test) =>
    {
        (byte[] seed, byte[] ciphertext) = (Hex(test, "seed"), Hex(test, "c"));
        if (seed.Length != 64 || ciphertext.Length != MlKem768.CiphertextSize)
        {
            Assert.False(IsValid(test));
            return;
        }

        (byte[] encapsulation, byte[] decapsulation) = MakeKeys(seed);
        byte[] secret = new byte[32];
        MlKem768.Decapsulate(decapsulation, ciphertext, secret);
        Assert.Equal(Hex(test, "K"), secret);
        Assert.Equal(Hex(test, "ek"), encapsulation);
    });

    private static (byte[] Encapsulation, byte[] Decapsulation) MakeKeys(byte[] seed)
    {
        (byte[] encapsulation, byte[] decapsulation) = (new byte[MlKem768.EncapsulationKeySize], new byte[MlKem768.DecapsulationKeySize]);
        MlKem768.MakeKeys(seed, encapsulation, decapsulation);
        return (encapsulation, decapsulation);
    }

    private static void Each(string name, Action<JsonElement, JsonElement> check)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(Path.Combine(Environment.GetEnvironmentVariable(Variable)!, name)));
        List<string> problems = [];
        int count = 0;
        foreach (JsonElement group in document.RootElement.GetProperty("testGroups").EnumerateArray())
        {
            foreach (JsonElement test in group.GetProperty("tests").EnumerateArray())
            {
                count++;
                if (Record.Exception(() => check(group, test)) is { } problem)
                {
                    problems.Add($"{name}, test {test.GetProperty("tcId")}: {problem.Message}");
                }
            }
        }

        Assert.True(problems.Count == 0, string.Join('\n', problems));
        Assert.True(count > 0, $"{name} has no tests");
    }

    private static bool IsValid(JsonElement test) => test.GetProperty("result").GetString() == "valid";

    private static byte[] Hex(JsonElement test, string name) => Convert.FromHexString(test.GetProperty(name).GetString()!);

    private static byte[] Padded(byte[] data) => [.. data, .. new byte[(16 - (data.Length % 16)) % 16]];

    private sealed class VectorsFactAttribute : FactAttribute
    {
        public VectorsFactAttribute()
        {
            if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)))
            {
                Skip = $"set {Variable} to a folder with Wycheproof's testvectors_v1 to run this";
            }
        }
    }
}
