/* eslint-disable */
import * as types from './graphql.ts';
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';

/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "\n  fragment ModelFields on Model {\n    id\n    name\n    displayName\n    available\n    lifecycle\n    inputPricePerMTok\n    outputPricePerMTok\n    provider { id name displayName problem }\n  }\n": typeof types.ModelFieldsFragmentDoc,
    "\n  query Models($after: String) {\n    models(first: 100, after: $after) { nodes { ...ModelFields } pageInfo { hasNextPage endCursor } }\n    providers { id displayName problem }\n    serverInfo { version defaultModel { id } }\n  }\n": typeof types.ModelsDocument,
    "\n  mutation CancelGeneration($input: CancelGenerationInput!) {\n    cancelGeneration(input: $input) {\n      generation { id message { ...MessageFields } }\n      userErrors { code message }\n    }\n  }\n": typeof types.CancelGenerationDocument,
    "\n  mutation SetHead($input: SetHeadInput!) {\n    setHead(input: $input) {\n      userErrors { code message }\n    }\n  }\n": typeof types.SetHeadDocument,
    "\n  mutation SetDefaultModel($input: UpdateConversationInput!) {\n    updateConversation(input: $input) {\n      conversation { id defaultModel { id } }\n      userErrors { code message }\n    }\n  }\n": typeof types.SetDefaultModelDocument,
    "\n  query Branch($conversationId: ID!, $leafId: ID!) {\n    conversation(id: $conversationId) {\n      id\n      thread(leafId: $leafId, last: 50) { nodes { ...MessageFields } }\n    }\n  }\n": typeof types.BranchDocument,
    "\n  query Descendants($id: ID!) {\n    message(id: $id) { id children { id children { id children { id children { id } } } } }\n  }\n": typeof types.DescendantsDocument,
    "\n  fragment ConversationSnapshot on Conversation {\n    id\n    title\n    updatedAt\n    defaultModel { id }\n    head { id }\n    thread(last: 50) { nodes { ...MessageFields } }\n    eventsCursor\n  }\n": typeof types.ConversationSnapshotFragmentDoc,
    "\n  query Conversation($id: ID!) {\n    conversation(id: $id) { ...ConversationSnapshot }\n  }\n": typeof types.ConversationDocument,
    "\n  subscription ConversationEvents($conversationId: ID!, $after: Cursor) {\n    conversationEvents(conversationId: $conversationId, after: $after) {\n      __typename\n      cursor\n      ... on PartDelta { messageId partIndex revision kind offset text }\n      ... on PartFinished {\n        messageId\n        part {\n          __typename\n          index\n          ... on TextPart { text }\n          ... on ReasoningPart { text }\n        }\n      }\n      ... on MessageChanged { clientMutationId message { ...MessageFields } }\n      ... on GenerationChanged { clientMutationId generation { id message { ...MessageFields } } }\n      ... on GenerationFinished { generation { id message { ...MessageFields } } }\n      ... on ConversationChanged {\n        clientMutationId\n        conversation { id title updatedAt defaultModel { id } head { id } }\n      }\n      ... on ConversationRemoved { conversationId }\n      ... on ResyncRequired { reason }\n    }\n  }\n": typeof types.ConversationEventsDocument,
    "\n  fragment GenerationFields on Generation {\n    id\n    status\n    attempt\n    finishReason\n    startedAt\n    finishedAt\n    failure { code message retryable retryAt }\n    usage { inputTokens outputTokens cost estimated }\n  }\n": typeof types.GenerationFieldsFragmentDoc,
    "\n  fragment MessageFields on Message {\n    id\n    role\n    isContinuation\n    status\n    createdAt\n    parents { id }\n    siblings { id }\n    parts {\n      __typename\n      index\n      ... on TextPart { text }\n      ... on ReasoningPart { text }\n    }\n    model { id displayName provider { id name } }\n    generation { ...GenerationFields }\n  }\n": typeof types.MessageFieldsFragmentDoc,
    "\n  mutation CreateConversation($input: CreateConversationInput!) {\n    createConversation(input: $input) {\n      conversation { ...ConversationSnapshot ...ConversationItem }\n      userErrors { code message }\n    }\n  }\n": typeof types.CreateConversationDocument,
    "\n  fragment SendPayload on SendMessagePayload {\n    userMessage { ...MessageFields }\n    generation { id message { ...MessageFields } }\n    conversation { ...ConversationItem head { id } }\n    userErrors { code message }\n  }\n": typeof types.SendPayloadFragmentDoc,
    "\n  mutation SendMessage($input: SendMessageInput!) {\n    sendMessage(input: $input) { ...SendPayload }\n  }\n": typeof types.SendMessageDocument,
    "\n  mutation EditMessage($input: EditMessageInput!) {\n    editMessage(input: $input) { ...SendPayload }\n  }\n": typeof types.EditMessageDocument,
    "\n  mutation RegenerateMessage($input: RegenerateMessageInput!) {\n    regenerateMessage(input: $input) { ...SendPayload }\n  }\n": typeof types.RegenerateMessageDocument,
    "\n  mutation ContinueGeneration($input: ContinueGenerationInput!) {\n    continueGeneration(input: $input) { ...SendPayload }\n  }\n": typeof types.ContinueGenerationDocument,
    "\n  query WhatGoesOn($conversationId: ID!) {\n    conversation(id: $conversationId) { id thread(last: 50) { nodes { id isContinuation status } } }\n  }\n": typeof types.WhatGoesOnDocument,
    "\n  fragment ConversationItem on Conversation {\n    id\n    title\n    updatedAt\n    archivedAt\n    activeGenerations { id status }\n  }\n": typeof types.ConversationItemFragmentDoc,
    "\n  query ConversationList($after: String) {\n    viewer {\n      id\n      eventsCursor\n      conversations(first: 40, after: $after) {\n        nodes { ...ConversationItem }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n": typeof types.ConversationListDocument,
    "\n  subscription ViewerEvents($after: Cursor) {\n    viewerEvents(after: $after) {\n      __typename\n      cursor\n      ... on ConversationChanged { conversation { ...ConversationItem } }\n      ... on ConversationRemoved { conversationId }\n      ... on ResyncRequired { reason }\n    }\n  }\n": typeof types.ViewerEventsDocument,
    "\n  mutation RenameConversation($input: UpdateConversationInput!) {\n    updateConversation(input: $input) {\n      conversation { id title }\n      userErrors { code message }\n    }\n  }\n": typeof types.RenameConversationDocument,
    "\n  mutation DeleteConversation($input: DeleteConversationInput!) {\n    deleteConversation(input: $input) {\n      deletedConversationId\n      userErrors { code message }\n    }\n  }\n": typeof types.DeleteConversationDocument,
    "\n  query QueuePlace($id: ID!) {\n    generation(id: $id) { id queuePosition }\n  }\n": typeof types.QueuePlaceDocument,
};
const documents: Documents = {
    "\n  fragment ModelFields on Model {\n    id\n    name\n    displayName\n    available\n    lifecycle\n    inputPricePerMTok\n    outputPricePerMTok\n    provider { id name displayName problem }\n  }\n": types.ModelFieldsFragmentDoc,
    "\n  query Models($after: String) {\n    models(first: 100, after: $after) { nodes { ...ModelFields } pageInfo { hasNextPage endCursor } }\n    providers { id displayName problem }\n    serverInfo { version defaultModel { id } }\n  }\n": types.ModelsDocument,
    "\n  mutation CancelGeneration($input: CancelGenerationInput!) {\n    cancelGeneration(input: $input) {\n      generation { id message { ...MessageFields } }\n      userErrors { code message }\n    }\n  }\n": types.CancelGenerationDocument,
    "\n  mutation SetHead($input: SetHeadInput!) {\n    setHead(input: $input) {\n      userErrors { code message }\n    }\n  }\n": types.SetHeadDocument,
    "\n  mutation SetDefaultModel($input: UpdateConversationInput!) {\n    updateConversation(input: $input) {\n      conversation { id defaultModel { id } }\n      userErrors { code message }\n    }\n  }\n": types.SetDefaultModelDocument,
    "\n  query Branch($conversationId: ID!, $leafId: ID!) {\n    conversation(id: $conversationId) {\n      id\n      thread(leafId: $leafId, last: 50) { nodes { ...MessageFields } }\n    }\n  }\n": types.BranchDocument,
    "\n  query Descendants($id: ID!) {\n    message(id: $id) { id children { id children { id children { id children { id } } } } }\n  }\n": types.DescendantsDocument,
    "\n  fragment ConversationSnapshot on Conversation {\n    id\n    title\n    updatedAt\n    defaultModel { id }\n    head { id }\n    thread(last: 50) { nodes { ...MessageFields } }\n    eventsCursor\n  }\n": types.ConversationSnapshotFragmentDoc,
    "\n  query Conversation($id: ID!) {\n    conversation(id: $id) { ...ConversationSnapshot }\n  }\n": types.ConversationDocument,
    "\n  subscription ConversationEvents($conversationId: ID!, $after: Cursor) {\n    conversationEvents(conversationId: $conversationId, after: $after) {\n      __typename\n      cursor\n      ... on PartDelta { messageId partIndex revision kind offset text }\n      ... on PartFinished {\n        messageId\n        part {\n          __typename\n          index\n          ... on TextPart { text }\n          ... on ReasoningPart { text }\n        }\n      }\n      ... on MessageChanged { clientMutationId message { ...MessageFields } }\n      ... on GenerationChanged { clientMutationId generation { id message { ...MessageFields } } }\n      ... on GenerationFinished { generation { id message { ...MessageFields } } }\n      ... on ConversationChanged {\n        clientMutationId\n        conversation { id title updatedAt defaultModel { id } head { id } }\n      }\n      ... on ConversationRemoved { conversationId }\n      ... on ResyncRequired { reason }\n    }\n  }\n": types.ConversationEventsDocument,
    "\n  fragment GenerationFields on Generation {\n    id\n    status\n    attempt\n    finishReason\n    startedAt\n    finishedAt\n    failure { code message retryable retryAt }\n    usage { inputTokens outputTokens cost estimated }\n  }\n": types.GenerationFieldsFragmentDoc,
    "\n  fragment MessageFields on Message {\n    id\n    role\n    isContinuation\n    status\n    createdAt\n    parents { id }\n    siblings { id }\n    parts {\n      __typename\n      index\n      ... on TextPart { text }\n      ... on ReasoningPart { text }\n    }\n    model { id displayName provider { id name } }\n    generation { ...GenerationFields }\n  }\n": types.MessageFieldsFragmentDoc,
    "\n  mutation CreateConversation($input: CreateConversationInput!) {\n    createConversation(input: $input) {\n      conversation { ...ConversationSnapshot ...ConversationItem }\n      userErrors { code message }\n    }\n  }\n": types.CreateConversationDocument,
    "\n  fragment SendPayload on SendMessagePayload {\n    userMessage { ...MessageFields }\n    generation { id message { ...MessageFields } }\n    conversation { ...ConversationItem head { id } }\n    userErrors { code message }\n  }\n": types.SendPayloadFragmentDoc,
    "\n  mutation SendMessage($input: SendMessageInput!) {\n    sendMessage(input: $input) { ...SendPayload }\n  }\n": types.SendMessageDocument,
    "\n  mutation EditMessage($input: EditMessageInput!) {\n    editMessage(input: $input) { ...SendPayload }\n  }\n": types.EditMessageDocument,
    "\n  mutation RegenerateMessage($input: RegenerateMessageInput!) {\n    regenerateMessage(input: $input) { ...SendPayload }\n  }\n": types.RegenerateMessageDocument,
    "\n  mutation ContinueGeneration($input: ContinueGenerationInput!) {\n    continueGeneration(input: $input) { ...SendPayload }\n  }\n": types.ContinueGenerationDocument,
    "\n  query WhatGoesOn($conversationId: ID!) {\n    conversation(id: $conversationId) { id thread(last: 50) { nodes { id isContinuation status } } }\n  }\n": types.WhatGoesOnDocument,
    "\n  fragment ConversationItem on Conversation {\n    id\n    title\n    updatedAt\n    archivedAt\n    activeGenerations { id status }\n  }\n": types.ConversationItemFragmentDoc,
    "\n  query ConversationList($after: String) {\n    viewer {\n      id\n      eventsCursor\n      conversations(first: 40, after: $after) {\n        nodes { ...ConversationItem }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n": types.ConversationListDocument,
    "\n  subscription ViewerEvents($after: Cursor) {\n    viewerEvents(after: $after) {\n      __typename\n      cursor\n      ... on ConversationChanged { conversation { ...ConversationItem } }\n      ... on ConversationRemoved { conversationId }\n      ... on ResyncRequired { reason }\n    }\n  }\n": types.ViewerEventsDocument,
    "\n  mutation RenameConversation($input: UpdateConversationInput!) {\n    updateConversation(input: $input) {\n      conversation { id title }\n      userErrors { code message }\n    }\n  }\n": types.RenameConversationDocument,
    "\n  mutation DeleteConversation($input: DeleteConversationInput!) {\n    deleteConversation(input: $input) {\n      deletedConversationId\n      userErrors { code message }\n    }\n  }\n": types.DeleteConversationDocument,
    "\n  query QueuePlace($id: ID!) {\n    generation(id: $id) { id queuePosition }\n  }\n": types.QueuePlaceDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 *
 *
 * @example
 * ```ts
 * const query = graphql(`query GetUser($id: ID!) { user(id: $id) { name } }`);
 * ```
 *
 * The query argument is unknown!
 * Please regenerate the types.
 */
export function graphql(source: string): unknown;

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment ModelFields on Model {\n    id\n    name\n    displayName\n    available\n    lifecycle\n    inputPricePerMTok\n    outputPricePerMTok\n    provider { id name displayName problem }\n  }\n"): (typeof documents)["\n  fragment ModelFields on Model {\n    id\n    name\n    displayName\n    available\n    lifecycle\n    inputPricePerMTok\n    outputPricePerMTok\n    provider { id name displayName problem }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Models($after: String) {\n    models(first: 100, after: $after) { nodes { ...ModelFields } pageInfo { hasNextPage endCursor } }\n    providers { id displayName problem }\n    serverInfo { version defaultModel { id } }\n  }\n"): (typeof documents)["\n  query Models($after: String) {\n    models(first: 100, after: $after) { nodes { ...ModelFields } pageInfo { hasNextPage endCursor } }\n    providers { id displayName problem }\n    serverInfo { version defaultModel { id } }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation CancelGeneration($input: CancelGenerationInput!) {\n    cancelGeneration(input: $input) {\n      generation { id message { ...MessageFields } }\n      userErrors { code message }\n    }\n  }\n"): (typeof documents)["\n  mutation CancelGeneration($input: CancelGenerationInput!) {\n    cancelGeneration(input: $input) {\n      generation { id message { ...MessageFields } }\n      userErrors { code message }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation SetHead($input: SetHeadInput!) {\n    setHead(input: $input) {\n      userErrors { code message }\n    }\n  }\n"): (typeof documents)["\n  mutation SetHead($input: SetHeadInput!) {\n    setHead(input: $input) {\n      userErrors { code message }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation SetDefaultModel($input: UpdateConversationInput!) {\n    updateConversation(input: $input) {\n      conversation { id defaultModel { id } }\n      userErrors { code message }\n    }\n  }\n"): (typeof documents)["\n  mutation SetDefaultModel($input: UpdateConversationInput!) {\n    updateConversation(input: $input) {\n      conversation { id defaultModel { id } }\n      userErrors { code message }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Branch($conversationId: ID!, $leafId: ID!) {\n    conversation(id: $conversationId) {\n      id\n      thread(leafId: $leafId, last: 50) { nodes { ...MessageFields } }\n    }\n  }\n"): (typeof documents)["\n  query Branch($conversationId: ID!, $leafId: ID!) {\n    conversation(id: $conversationId) {\n      id\n      thread(leafId: $leafId, last: 50) { nodes { ...MessageFields } }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Descendants($id: ID!) {\n    message(id: $id) { id children { id children { id children { id children { id } } } } }\n  }\n"): (typeof documents)["\n  query Descendants($id: ID!) {\n    message(id: $id) { id children { id children { id children { id children { id } } } } }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment ConversationSnapshot on Conversation {\n    id\n    title\n    updatedAt\n    defaultModel { id }\n    head { id }\n    thread(last: 50) { nodes { ...MessageFields } }\n    eventsCursor\n  }\n"): (typeof documents)["\n  fragment ConversationSnapshot on Conversation {\n    id\n    title\n    updatedAt\n    defaultModel { id }\n    head { id }\n    thread(last: 50) { nodes { ...MessageFields } }\n    eventsCursor\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Conversation($id: ID!) {\n    conversation(id: $id) { ...ConversationSnapshot }\n  }\n"): (typeof documents)["\n  query Conversation($id: ID!) {\n    conversation(id: $id) { ...ConversationSnapshot }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription ConversationEvents($conversationId: ID!, $after: Cursor) {\n    conversationEvents(conversationId: $conversationId, after: $after) {\n      __typename\n      cursor\n      ... on PartDelta { messageId partIndex revision kind offset text }\n      ... on PartFinished {\n        messageId\n        part {\n          __typename\n          index\n          ... on TextPart { text }\n          ... on ReasoningPart { text }\n        }\n      }\n      ... on MessageChanged { clientMutationId message { ...MessageFields } }\n      ... on GenerationChanged { clientMutationId generation { id message { ...MessageFields } } }\n      ... on GenerationFinished { generation { id message { ...MessageFields } } }\n      ... on ConversationChanged {\n        clientMutationId\n        conversation { id title updatedAt defaultModel { id } head { id } }\n      }\n      ... on ConversationRemoved { conversationId }\n      ... on ResyncRequired { reason }\n    }\n  }\n"): (typeof documents)["\n  subscription ConversationEvents($conversationId: ID!, $after: Cursor) {\n    conversationEvents(conversationId: $conversationId, after: $after) {\n      __typename\n      cursor\n      ... on PartDelta { messageId partIndex revision kind offset text }\n      ... on PartFinished {\n        messageId\n        part {\n          __typename\n          index\n          ... on TextPart { text }\n          ... on ReasoningPart { text }\n        }\n      }\n      ... on MessageChanged { clientMutationId message { ...MessageFields } }\n      ... on GenerationChanged { clientMutationId generation { id message { ...MessageFields } } }\n      ... on GenerationFinished { generation { id message { ...MessageFields } } }\n      ... on ConversationChanged {\n        clientMutationId\n        conversation { id title updatedAt defaultModel { id } head { id } }\n      }\n      ... on ConversationRemoved { conversationId }\n      ... on ResyncRequired { reason }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment GenerationFields on Generation {\n    id\n    status\n    attempt\n    finishReason\n    startedAt\n    finishedAt\n    failure { code message retryable retryAt }\n    usage { inputTokens outputTokens cost estimated }\n  }\n"): (typeof documents)["\n  fragment GenerationFields on Generation {\n    id\n    status\n    attempt\n    finishReason\n    startedAt\n    finishedAt\n    failure { code message retryable retryAt }\n    usage { inputTokens outputTokens cost estimated }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment MessageFields on Message {\n    id\n    role\n    isContinuation\n    status\n    createdAt\n    parents { id }\n    siblings { id }\n    parts {\n      __typename\n      index\n      ... on TextPart { text }\n      ... on ReasoningPart { text }\n    }\n    model { id displayName provider { id name } }\n    generation { ...GenerationFields }\n  }\n"): (typeof documents)["\n  fragment MessageFields on Message {\n    id\n    role\n    isContinuation\n    status\n    createdAt\n    parents { id }\n    siblings { id }\n    parts {\n      __typename\n      index\n      ... on TextPart { text }\n      ... on ReasoningPart { text }\n    }\n    model { id displayName provider { id name } }\n    generation { ...GenerationFields }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation CreateConversation($input: CreateConversationInput!) {\n    createConversation(input: $input) {\n      conversation { ...ConversationSnapshot ...ConversationItem }\n      userErrors { code message }\n    }\n  }\n"): (typeof documents)["\n  mutation CreateConversation($input: CreateConversationInput!) {\n    createConversation(input: $input) {\n      conversation { ...ConversationSnapshot ...ConversationItem }\n      userErrors { code message }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment SendPayload on SendMessagePayload {\n    userMessage { ...MessageFields }\n    generation { id message { ...MessageFields } }\n    conversation { ...ConversationItem head { id } }\n    userErrors { code message }\n  }\n"): (typeof documents)["\n  fragment SendPayload on SendMessagePayload {\n    userMessage { ...MessageFields }\n    generation { id message { ...MessageFields } }\n    conversation { ...ConversationItem head { id } }\n    userErrors { code message }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation SendMessage($input: SendMessageInput!) {\n    sendMessage(input: $input) { ...SendPayload }\n  }\n"): (typeof documents)["\n  mutation SendMessage($input: SendMessageInput!) {\n    sendMessage(input: $input) { ...SendPayload }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation EditMessage($input: EditMessageInput!) {\n    editMessage(input: $input) { ...SendPayload }\n  }\n"): (typeof documents)["\n  mutation EditMessage($input: EditMessageInput!) {\n    editMessage(input: $input) { ...SendPayload }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation RegenerateMessage($input: RegenerateMessageInput!) {\n    regenerateMessage(input: $input) { ...SendPayload }\n  }\n"): (typeof documents)["\n  mutation RegenerateMessage($input: RegenerateMessageInput!) {\n    regenerateMessage(input: $input) { ...SendPayload }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation ContinueGeneration($input: ContinueGenerationInput!) {\n    continueGeneration(input: $input) { ...SendPayload }\n  }\n"): (typeof documents)["\n  mutation ContinueGeneration($input: ContinueGenerationInput!) {\n    continueGeneration(input: $input) { ...SendPayload }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query WhatGoesOn($conversationId: ID!) {\n    conversation(id: $conversationId) { id thread(last: 50) { nodes { id isContinuation status } } }\n  }\n"): (typeof documents)["\n  query WhatGoesOn($conversationId: ID!) {\n    conversation(id: $conversationId) { id thread(last: 50) { nodes { id isContinuation status } } }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment ConversationItem on Conversation {\n    id\n    title\n    updatedAt\n    archivedAt\n    activeGenerations { id status }\n  }\n"): (typeof documents)["\n  fragment ConversationItem on Conversation {\n    id\n    title\n    updatedAt\n    archivedAt\n    activeGenerations { id status }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query ConversationList($after: String) {\n    viewer {\n      id\n      eventsCursor\n      conversations(first: 40, after: $after) {\n        nodes { ...ConversationItem }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n"): (typeof documents)["\n  query ConversationList($after: String) {\n    viewer {\n      id\n      eventsCursor\n      conversations(first: 40, after: $after) {\n        nodes { ...ConversationItem }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription ViewerEvents($after: Cursor) {\n    viewerEvents(after: $after) {\n      __typename\n      cursor\n      ... on ConversationChanged { conversation { ...ConversationItem } }\n      ... on ConversationRemoved { conversationId }\n      ... on ResyncRequired { reason }\n    }\n  }\n"): (typeof documents)["\n  subscription ViewerEvents($after: Cursor) {\n    viewerEvents(after: $after) {\n      __typename\n      cursor\n      ... on ConversationChanged { conversation { ...ConversationItem } }\n      ... on ConversationRemoved { conversationId }\n      ... on ResyncRequired { reason }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation RenameConversation($input: UpdateConversationInput!) {\n    updateConversation(input: $input) {\n      conversation { id title }\n      userErrors { code message }\n    }\n  }\n"): (typeof documents)["\n  mutation RenameConversation($input: UpdateConversationInput!) {\n    updateConversation(input: $input) {\n      conversation { id title }\n      userErrors { code message }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation DeleteConversation($input: DeleteConversationInput!) {\n    deleteConversation(input: $input) {\n      deletedConversationId\n      userErrors { code message }\n    }\n  }\n"): (typeof documents)["\n  mutation DeleteConversation($input: DeleteConversationInput!) {\n    deleteConversation(input: $input) {\n      deletedConversationId\n      userErrors { code message }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query QueuePlace($id: ID!) {\n    generation(id: $id) { id queuePosition }\n  }\n"): (typeof documents)["\n  query QueuePlace($id: ID!) {\n    generation(id: $id) { id queuePosition }\n  }\n"];

export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}

export type DocumentType<TDocumentNode extends DocumentNode<any, any>> = TDocumentNode extends DocumentNode<  infer TType,  any>  ? TType  : never;