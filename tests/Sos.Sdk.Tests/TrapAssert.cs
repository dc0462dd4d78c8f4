using System;
using Sos.Sdk.Memory;
using Xunit;

namespace Sos.Sdk.Tests;

/// <summary>Asserts that something traps; on ordinary .NET a <see cref="Trap"/> is a <see cref="NullReferenceException"/>.</summary>
internal static class TrapAssert
{
    public static void Traps(Action action) => Assert.Throws<NullReferenceException>(action);
}
