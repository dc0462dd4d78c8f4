using System;
using Sos.Crypto.Curves;
using Sos.Crypto.Hashing;
using Sos.Crypto.MlKem;
using Sos.Crypto.Random;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;

namespace Sos.Ssh.ImageProbe;

/// <summary>Uses every part of the cryptography.</summary>
public struct SshProbeService : IService
{
    private MemoryBlock<byte> _bytes;
    private Counter _verified;
    private RandomSource _random;
    private Pbkdf2 _password;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        if (!setup.Arena.TryAllocate(8192, out _bytes))
        {
            return 1;
        }

        _verified = setup.Statistics.Add("verified"u8);
        _random.TryReseed(_bytes.Span[..32]);
        _password.Start("password"u8, "salt"u8, 10_000);
        return 0;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        Span<byte> seed = stackalloc byte[64];
        Span<byte> bytes = _bytes.Span;
        _random.MixIn(bytes[..8]);
        if (!_random.TryFill(seed))
        {
            return;
        }

        Span<byte> encapsulation = bytes[..MlKem768.EncapsulationKeySize];
        Span<byte> decapsulation = bytes.Slice(1200, MlKem768.DecapsulationKeySize);
        Span<byte> ciphertext = bytes.Slice(3600, MlKem768.CiphertextSize);
        MlKem768.MakeKeys(seed, encapsulation, decapsulation);
        if (MlKem768.TryEncapsulate(encapsulation, seed, ciphertext, bytes[4800..]))
        {
            MlKem768.Decapsulate(decapsulation, ciphertext, bytes[4900..]);
        }

        Ed25519.WriteKeyPair(seed, bytes[5000..]);
        Ed25519.Sign(bytes.Slice(5000, 64), "message"u8, bytes[5100..]);
        _verified.Add(Ed25519.Verify(bytes.Slice(5032, 32), "message"u8, bytes.Slice(5100, 64)) ? 1UL : 0UL);
        _password.Continue(100);
        if (_password.IsDone)
        {
            _password.Finish(bytes[5200..]);
        }
    }
}
