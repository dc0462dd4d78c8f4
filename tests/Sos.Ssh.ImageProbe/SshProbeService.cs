using System;
using Sos.Crypto.Curves;
using Sos.Crypto.Hashing;
using Sos.Crypto.MlKem;
using Sos.Crypto.Random;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;

namespace Sos.Ssh.ImageProbe;

/// <summary>Uses every part of the cryptography, and a session whose shell echoes and whose commands are answered with themselves.</summary>
public unsafe struct SshProbeService : IService
{
    private MemoryBlock<byte> _bytes;
    private Counter _verified;
    private RandomSource _random;
    private Pbkdf2 _password;
    private MemoryBlock<SshServer> _server;
    private MemoryBlock<SshSession> _session;
    private MemoryBlock<AuthorizedKey> _keys;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        if (!setup.Arena.TryAllocate(8192, out _bytes)
            || !setup.Arena.TryAllocate(1, out _server)
            || !setup.Arena.TryAllocate(1, out _session)
            || !setup.Arena.TryAllocate(4, out _keys)
            || !_server[0].TryStart(_bytes.Span[..32], "console"u8, SshLimits.Default, 0))
        {
            return 1;
        }

        _verified = setup.Statistics.Add("verified"u8);
        _random.TryReseed(_bytes.Span[..32]);
        _password.Start("password"u8, "salt"u8, 10_000);
        _server[0].Random.TryReseed(_bytes.Span[..32]);
        _keys[0].SetLabel("probe"u8);
        _keys[0].TrySetCommand("status"u8);
        fixed (AuthorizedKey* keys = _keys.Span)
        {
            _server[0].SetAuthorizedKeys(keys, 1);
        }

        _session[0].Start(ref _server[0], 0);
        return 0;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        PollCryptography();
        ref SshSession session = ref _session[0];
        Span<byte> bytes = _bytes.Span;
        int taken = session.Receive(bytes[..1000]);
        _server[0].BeginPass();
        session.Poll(ref _server[0], now);
        while (session.TryTakeEvent(out SshEvent each))
        {
            switch (each.Kind)
            {
                case SshEventKind.Execute:
                    session.Write(each.Channel, session.Command(each.Channel));
                    session.Exit(each.Channel, session.Key.Label.IsEmpty ? 1u : 0u);
                    break;
                case SshEventKind.Shell when session.Terminal(each.Channel).IsThere:
                    session.Write(each.Channel, session.ClientVersion, isError: true);
                    break;
                default:
                    session.Write(each.Channel, bytes[..session.Read(each.Channel, bytes)]);
                    break;
            }
        }

        _verified.Add((ulong)taken + (ulong)session.Pending.Length);
        session.Sent(session.Pending.Length);
        if (session.IsEnded)
        {
            session.End();
            session.Erase();
            session.Start(ref _server[0], now);
        }
    }

    private void PollCryptography()
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
