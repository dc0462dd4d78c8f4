using System.Text;
using Sos.RemoteConsole.Control;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>Visitors' passwords are looked at in the order in which they came, whoever else asks how often.</summary>
public sealed class PasswordCheckTests
{
    private const ulong TscKhz = 1_000_000;
    private const ulong AttemptTicks = 2000 * TscKhz;
    private const int Operator = 7;

    private ulong _tsc;
    private PasswordCheck _check;

    public PasswordCheckTests()
    {
        ConsoleSettings settings = default;
        Assert.True(PasswordHash.TryParse(Encoding.ASCII.GetBytes(PasswordFile.Hash("open sesame", iterations: 1)), out settings.Password));
        _check = new PasswordCheck(in settings, TscKhz);
        _tsc = Tsc.Read();
    }

    [Fact]
    public void WhoCameFirstIsFirst()
    {
        SpendAttempts();
        Assert.Equal(PasswordState.Waiting, Ask(Operator, "open sesame"));
        Assert.Equal(PasswordState.Waiting, Ask(0, "wrong"));
        NextPass(AttemptTicks);

        // The others ask before the operator does, and come after him all the same.
        Assert.Equal(PasswordState.Waiting, Ask(0, "wrong"));
        Assert.Equal(PasswordState.Waiting, Ask(1, "wrong"));
        Assert.Equal(PasswordState.Checking, Ask(Operator, "open sesame"));
        Assert.Equal(PasswordState.Right, Await(Operator));
        Assert.Equal(PasswordState.Waiting, Ask(1, "wrong"));
        Assert.Equal(PasswordState.Waiting, Ask(0, "wrong"));
        NextPass(AttemptTicks);
        Assert.Equal(PasswordState.Waiting, Ask(1, "wrong"));
        Assert.Equal(PasswordState.Checking, Ask(0, "wrong"));
        Assert.Equal(PasswordState.Wrong, Await(0));
    }

    [Fact]
    public void WhoLeavesOrDoesNotAskAnyMoreKeepsNobodyWaiting()
    {
        SpendAttempts();
        Assert.Equal(PasswordState.Waiting, Ask(0, "wrong"));
        Assert.Equal(PasswordState.Waiting, Ask(1, "wrong"));
        Assert.Equal(PasswordState.Waiting, Ask(Operator, "open sesame"));
        _check.Forget(0);
        NextPass(AttemptTicks);
        Assert.Equal(PasswordState.Waiting, Ask(Operator, "open sesame")); // the other asked in the pass before
        NextPass(1);
        Assert.Equal(PasswordState.Checking, Ask(Operator, "open sesame"));
        Assert.Equal(PasswordState.Right, Await(Operator));
    }

    [Fact]
    public void AResultThatNobodyTakesKeepsNobodyWaiting()
    {
        Assert.Equal(PasswordState.Checking, Ask(0, "open sesame"));
        NextPass(1);
        NextPass(1);
        Assert.Equal(PasswordState.Checking, Ask(Operator, "wrong"));
        Assert.Equal(PasswordState.Wrong, Await(Operator));

        // It is told to its visitor alone, and once; a new visitor of the number has none.
        Assert.Equal(PasswordState.Right, _check.Take(0));
        Assert.Equal(PasswordState.Waiting, _check.Take(0));
        Assert.Equal(PasswordState.Checking, Ask(0, "open sesame"));
        NextPass(1);
        NextPass(1);
        _check.Forget(0);
        Assert.Equal(PasswordState.Waiting, _check.Take(0));
    }

    /// <summary>Uses up what may be tried at once.</summary>
    private void SpendAttempts()
    {
        while (Ask(2, "wrong") == PasswordState.Checking)
        {
            Assert.Equal(PasswordState.Wrong, Await(2));
        }

        _check.Forget(2);
    }

    private PasswordState Ask(int visitor, string password) => _check.TryStart(visitor, Encoding.ASCII.GetBytes(password), _tsc++);

    private PasswordState Await(int visitor)
    {
        PasswordState state = _check.Take(visitor);
        for (int i = 0; i < 100 && state == PasswordState.Checking; i++)
        {
            NextPass(1);
            state = _check.Take(visitor);
        }

        return state;
    }

    private void NextPass(ulong ticks)
    {
        _tsc += ticks;
        _check.Poll();
    }
}
