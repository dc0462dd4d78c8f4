using System;
using Sos.Crypto;
using Sos.Crypto.Hashing;
using Sos.Sdk.Time;

namespace Sos.RemoteConsole;

/// <summary>How a visitor's password stands.</summary>
internal enum PasswordState : byte
{
    /// <summary>Nobody looks at it yet: there are too many attempts, or another is being looked at. Try again.</summary>
    Waiting = 0,

    /// <summary>Its hash is being worked out.</summary>
    Checking,

    /// <summary>The password is right.</summary>
    Right,

    /// <summary>The password is wrong.</summary>
    Wrong,
}

/// <summary>Looks at passwords: one at a time, a little in each pass, and not many a minute whoever asks.</summary>
internal struct PasswordCheck
{
    /// <summary>Iterations in a pass: some ten microseconds, so that a firewall on the same core loses no packet.</summary>
    private const uint IterationsPerPass = 4;

    /// <summary>Milliseconds from one attempt to the next, for all visitors together, and attempts that may be saved up.</summary>
    private const ulong AttemptMs = 2000;
    private const uint AttemptsSaved = 5;

    private const int Nobody = -1;

    private readonly PasswordHash _hash;
    private Pbkdf2 _work;
    private TokenBucket _attempts;
    private int _visitor;

    /// <summary>Takes the hash.</summary>
    public PasswordCheck(in ConsoleSettings settings, ulong tscKhz)
    {
        _hash = settings.Password;
        _attempts = new TokenBucket(AttemptMs * tscKhz, AttemptsSaved, Tsc.Read());
        _visitor = Nobody;
    }

    /// <summary>Begins with a visitor's password, if it can.</summary>
    public PasswordState TryStart(int visitor, ReadOnlySpan<byte> password, ulong tsc)
    {
        if (_visitor != Nobody || _hash.Iterations == 0 || !_attempts.TryTake(1, tsc))
        {
            return PasswordState.Waiting;
        }

        _visitor = visitor;
        _work.Start(password, _hash.Salt, _hash.Iterations);
        return PasswordState.Checking;
    }

    /// <summary>Goes on.</summary>
    public void Poll()
    {
        if (_visitor != Nobody && !_work.IsDone)
        {
            _work.Continue(IterationsPerPass);
        }
    }

    /// <summary>Looks how a visitor's password stands; once it is told that it is right or wrong, the next can be looked at.</summary>
    public PasswordState Take(int visitor)
    {
        if (_visitor != visitor)
        {
            return PasswordState.Waiting;
        }

        if (!_work.IsDone)
        {
            return PasswordState.Checking;
        }

        Span<byte> result = stackalloc byte[PasswordHash.HashSize];
        _work.Finish(result);
        _visitor = Nobody;
        return FixedTime.AreEqual(result, _hash.Hash) ? PasswordState.Right : PasswordState.Wrong;
    }

    /// <summary>Forgets a visitor who left.</summary>
    public void Forget(int visitor)
    {
        if (_visitor == visitor)
        {
            _visitor = Nobody;
            FixedTime.Erase(ref _work);
        }
    }
}
