import 'weui/dist/style/widget/weui-button/weui-button.min.css';
import 'weui/dist/style/widget/weui-cell/weui-switch.min.css';
import '@hongyan/kit/tokens.css';
import './style.css';
import { createApp } from 'vue';
import App from './App.vue';
import { start } from './store';

createApp(App).mount('#app');
void start();
