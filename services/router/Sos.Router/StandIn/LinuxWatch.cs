using System.Runtime.CompilerServices;
using Sos.Net.Wire;

namespace Sos.Router.StandIn;

/// <summary>
/// Finds out whether Linux still answers for its addresses. It is silent from when a question, which it was given and always answers, stays open for half a
/// second in which whoever follows it shows no life either; a running Linux that answers nobody is no panicked one. An answer or a sign of life ends that.
/// Linux's clock is no sign: after a panic the CPU that panicked goes on writing it.
/// </summary>
public struct LinuxWatch
{
    /// <summary>Open questions at most: who finds no room asks again.</summary>
    public const int QuestionsMax = 16;

    /// <summary>How long a question may stay open: less than hosts wait before they ask again (RFC 4861, 10: RETRANS_TIMER).</summary>
    public const ulong PatienceNs = 500_000_000;

    private readonly ulong _patience;
    private ulong _beats;
    private ulong _beatAt;
    private uint _open;
    private QuestionArray _questions;

    /// <summary>Begins with a Linux that answers.</summary>
    /// <param name="patience"><see cref="PatienceNs"/> in ticks of the TSC.</param>
    public LinuxWatch(ulong patience) => _patience = patience;

    /// <summary>Whether Linux answers no more.</summary>
    public bool IsSilent { get; private set; }

    /// <summary>Whether it matters what Linux sends.</summary>
    public readonly bool Listens => IsSilent || _open != 0;

    /// <summary>Whether who follows Linux has shown life so lately that no question needs to be watched.</summary>
    public readonly bool HasBeat(ulong now) => _beats != 0 && now - _beatAt < _patience;

    /// <summary>Takes the count of signs of life.</summary>
    /// <returns>Whether there were any since it was last taken.</returns>
    public bool TakeBeats(ulong beats, ulong now)
    {
        if (beats == _beats)
        {
            return false;
        }

        _beats = beats;
        _beatAt = now;
        TakeAnswer();
        return true;
    }

    /// <summary>Takes that Linux answered a question.</summary>
    public void TakeAnswer()
    {
        _open = 0;
        IsSilent = false;
    }

    /// <summary>Takes a question that was given to Linux.</summary>
    public void TakeQuestion(int number, in LinkMessage question, ulong now)
    {
        for (int i = 0; i < QuestionsMax; i++)
        {
            if ((_open >> i & 1) == 0)
            {
                _open |= 1u << i;
                _questions[i] = new Question { Interface = number, Message = question, At = now };
                return;
            }
        }
    }

    /// <summary>Gives a question that stayed open for too long: from then on Linux is silent.</summary>
    public bool TryTakeOverdue(ulong now, out int number, out LinkMessage question)
    {
        for (int i = 0; _open >> i != 0; i++)
        {
            if ((_open >> i & 1) != 0 && now - _questions[i].At >= _patience)
            {
                _open &= ~(1u << i);
                IsSilent = true;
                number = _questions[i].Interface;
                question = _questions[i].Message;
                return true;
            }
        }

        number = 0;
        question = default;
        return false;
    }

    private struct Question
    {
        public int Interface;
        public LinkMessage Message;
        public ulong At;
    }

    [InlineArray(QuestionsMax)]
    private struct QuestionArray
    {
        private Question _first;
    }
}
