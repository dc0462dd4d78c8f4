using System;
using System.Runtime.CompilerServices;
using Sos.Crypto;
using Sos.Crypto.Hashing;
using Sos.Sdk.Time;

namespace Sos.RemoteConsole;

/// <summary>How a visitor's password stands.</summary>
internal enum PasswordState : byte
{
    /// <summary>Nobody looks at it yet: there are too many attempts, or others came first. Try again in the next pass.</summary>
    Waiting = 0,

    /// <summary>Its hash is being worked out.</summary>
    Checking,

    /// <summary>The password is right.</summary>
    Right,

    /// <summary>The password is wrong.</summary>
    Wrong,
}

/// <summary>
/// Looks at passwords: one at a time, a little in each pass, not many a minute whoever asks, and in the order in which visitors began to wait.
/// </summary>
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
    private Waiters _waiters;
    private ulong _pass;
    private int _visitor;

    /// <summary>Takes the hash.</summary>
    public PasswordCheck(in ConsoleSettings settings, ulong tscKhz)
    {
        _hash = settings.Password;
        _attempts = new TokenBucket(AttemptMs * tscKhz, AttemptsSaved, Tsc.Read());
        _visitor = Nobody;
        _pass = 1;
    }

    /// <summary>Begins with a visitor's password, if it can and no other visitor waits longer. Who waits asks again in each pass.</summary>
    public PasswordState TryStart(int visitor, ReadOnlySpan<byte> password, ulong tsc)
    {
        ref Waiter waiter = ref _waiters[visitor];
        waiter.Since = IsWaiting(in waiter) ? waiter.Since : tsc;
        waiter.AskedIn = _pass;
        if (_visitor != Nobody || _hash.Iterations == 0 || IsBehindAnother(visitor) || !_attempts.TryTake(1, tsc))
        {
            return PasswordState.Waiting;
        }

        waiter = default;
        _visitor = visitor;
        _work.Start(password, _hash.Salt, _hash.Iterations);
        return PasswordState.Checking;
    }

    /// <summary>Goes on. A result is kept for its visitor, so that the next can be looked at though he may not ask for it.</summary>
    public void Poll()
    {
        _pass++;
        if (_visitor == Nobody)
        {
            return;
        }

        if (_work.IsDone)
        {
            Finish();
        }
        else
        {
            _work.Continue(IterationsPerPass);
        }
    }

    /// <summary>Looks how a visitor's password stands; that it is right or wrong is told once.</summary>
    public PasswordState Take(int visitor)
    {
        if (_visitor == visitor)
        {
            return PasswordState.Checking;
        }

        PasswordState result = _waiters[visitor].Result;
        _waiters[visitor].Result = PasswordState.Waiting;
        return result;
    }

    /// <summary>Forgets a visitor who left.</summary>
    public void Forget(int visitor)
    {
        _waiters[visitor] = default;
        if (_visitor == visitor)
        {
            _visitor = Nobody;
            FixedTime.Erase(ref _work);
        }
    }

    private void Finish()
    {
        Span<byte> result = stackalloc byte[PasswordHash.HashSize];
        _work.Finish(result);
        _waiters[_visitor].Result = FixedTime.AreEqual(result, _hash.Hash) ? PasswordState.Right : PasswordState.Wrong;
        _visitor = Nobody;
    }

    /// <summary>Whether a visitor asked in this pass or the last: one whose peer reads nothing is not asked himself, and keeps nobody waiting.</summary>
    private readonly bool IsWaiting(in Waiter waiter) => waiter.AskedIn != 0 && _pass - waiter.AskedIn <= 1;

    private readonly bool IsBehindAnother(int visitor)
    {
        for (int i = 0; i < ConsoleContext.VisitorsMax; i++)
        {
            if (IsWaiting(in _waiters[i]) && _waiters[i].Since < _waiters[visitor].Since)
            {
                return true;
            }
        }

        return false;
    }

    private struct Waiter
    {
        /// <summary>The TSC at which the visitor began to wait.</summary>
        public ulong Since;

        /// <summary>The pass in which the visitor last asked; 0 for none.</summary>
        public ulong AskedIn;

        /// <summary>Right or Wrong once that is known and not told yet.</summary>
        public PasswordState Result;
    }

    [InlineArray(ConsoleContext.VisitorsMax)]
    private struct Waiters
    {
        private Waiter _first;
    }
}
